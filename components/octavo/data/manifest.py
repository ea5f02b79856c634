"""Manifests: a data set as a list of files, one JSON document a line.

    {"uri": "images/cat.jpg", "label": 3}
    {"uri": "s3://bucket/train-00000-of-00128"}
    {"uri": "part.npz", "start": 0, "stop": 640}

A URI without a scheme is relative to the manifest. `label` is an image's class, `start` and `stop` choose examples of a
file that holds several; a folder or a pattern stands for all that is in it. plan_shards writes what it found out about
record files as well (`examples`, `bytes`, `first`, `index`), so that nobody has to look through them again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from octavo.data.arrays import UnopenedArrays
from octavo.data.folder import ENDINGS, ImageFiles
from octavo.data.formats import Format, format_of, is_pattern
from octavo.data.records import RecordFile
from octavo.errors import DataError
from octavo.notes import counted
from octavo.reading import first_fault
from octavo.storage import MissingObjectError, join, open_object, parse_uri

if TYPE_CHECKING:
    from octavo.data.dataset import Dataset, Span

Count = Annotated[int, Field(ge=0)]

_ENTERED: ContextVar[Mapping[str, str]] = ContextVar("entered", default=MappingProxyType({}))
"""The manifests that are being read, one within the other: what each is, and its name."""


class Entry(BaseModel):
    """One line of a manifest; see the module.

    Attributes:
        uri: a file, a folder or a pattern.
        label: the class of an image.
        start: the first example of the file.
        stop: one past the last one; the file's end where left out.
        examples: how many the file holds.
        bytes: of the file.
        first: the record whose place `index` begins with.
        index: places of records.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: Annotated[str, Field(min_length=1)]
    label: Count | None = None
    start: Count = 0
    stop: Count | None = None
    examples: Count | None = None
    bytes: Count = 0
    first: Count = 0
    index: tuple[Count, ...] = ()


def read_manifest(uri: str) -> Dataset:
    """Read a manifest; files are opened when their examples are asked for.

    Args:
        uri: the manifest's, with a whole path.

    Raises:
        DataError: when a line cannot be read, names nothing, or leads back to the manifest through others.
        StorageError: when the store fails.
    """
    from octavo.data.dataset import Dataset

    with _entered(uri):
        return Dataset(uri, tuple(_all_spans(uri)))


@contextmanager
def _entered(uri: str) -> Iterator[None]:
    """Within the block, the manifest is being read: a line that leads back to it would lead there for ever."""
    within, mine = _ENTERED.get(), _identity(uri)
    if mine in within:
        *_, last = within.values()
        raise DataError(
            f"the manifest {within[mine]!r} leads back to itself, through {last!r}; take one of the lines away"
        )
    token = _ENTERED.set({**within, mine: uri})
    try:
        yield
    finally:
        _ENTERED.reset(token)


def _identity(uri: str) -> str:
    """The same for all names of a file here."""
    place = parse_uri(uri)
    return str(Path(place.key).resolve()) if place.scheme == "file" else uri


def _all_spans(uri: str) -> list[Span]:
    spans: list[Span] = []
    for single, group in groupby(_entries(uri), key=lambda pair: _is_image_file(pair[1].uri)):
        if single:
            spans.append(_images(uri, [entry for _, entry in group]))
        else:
            for line, entry in group:
                spans += _spans(uri, line, entry)
    if not spans:
        raise DataError(f'the manifest {uri!r} is empty; wanted lines such as {{"uri": "part.npz"}}')
    return spans


def out_of(count: int, dataset_uri: str, noun: str) -> str:
    """50, "example" -> "50 of 200 examples" of a manifest; "50 examples" where counting would read the data set."""
    if format_of(dataset_uri) is not Format.MANIFEST:
        return counted(count, noun)
    return f"{count:,} of {counted(len(read_manifest(dataset_uri)), noun)}"


def write_manifest(dataset: Dataset, path: Path, stop: int) -> None:
    """Write the first examples of a data set as a manifest, whole or not at all."""
    from octavo.files import write_atomically

    write_atomically(path, "".join(f"{json.dumps(line, sort_keys=True)}\n" for line in dataset.entries(0, stop)))


def uris_of(manifest: str | Path) -> list[str]:
    """The URIs that a manifest names, each once, in its order. Raises as `read_manifest` does."""
    return list(dict.fromkeys(entry.uri for _, entry in _entries(str(manifest))))


def _entries(uri: str) -> Iterator[tuple[int, Entry]]:
    """Line numbers and entries; URIs made whole."""
    folder = uri[: uri.rindex("/") + 1]
    try:
        with open_object(uri) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _entry(uri, number, line, folder)
    except MissingObjectError as fault:
        raise DataError(f"there is no manifest {uri!r}; check the path") from fault


def _entry(uri: str, number: int, line: bytes, folder: str) -> Entry:
    try:
        entry = Entry.model_validate_json(line)
    except ValidationError as fault:
        why = first_fault(fault, "the line")
        raise DataError(
            f"line {number} of the manifest {uri!r} cannot be read ({why}); wanted a document such "
            f'as {{"uri": "a.jpg", "label": 3}} with the fields {", ".join(Entry.model_fields)}'
        ) from fault
    whole = entry.uri if "://" in entry.uri or entry.uri.startswith("/") else join(folder, entry.uri)
    return entry.model_copy(update={"uri": whole})


def _is_image_file(uri: str) -> bool:
    """Whether a line names one image; what it names is taken, hidden or not."""
    return uri.lower().endswith(ENDINGS) and not is_pattern(uri)


def _images(uri: str, entries: Sequence[Entry]) -> Span:
    from octavo.data.dataset import Span

    labels = [entry.label for entry in entries]
    if None in labels and len(set(labels)) > 1:
        missing = entries[labels.index(None)].uri
        raise DataError(f"the manifest {uri!r} gives labels to some images but none to {missing!r}; wanted all or none")
    numbers = None if None in labels else np.array(labels, np.int64)
    part = ImageFiles(uri, [entry.uri for entry in entries], numbers, whole=True)
    return Span(part, 0, len(part))


def _spans(uri: str, line: int, entry: Entry) -> Iterator[Span]:
    """What a line of many examples stands for."""
    from octavo.data.dataset import open_dataset

    if entry.label is not None:
        raise DataError(f"line {line} of the manifest {uri!r} gives one label to {entry.uri!r}, which is no image file")
    if entry.index and entry.examples:
        known = RecordFile(entry.uri, entry.examples, entry.index, entry.first, entry.bytes)
        yield from _cut(uri, line, entry, ((known, 0, len(known)),))
        return
    if entry.examples and format_of(entry.uri, of_file=True) is Format.ARRAYS:
        later = UnopenedArrays(entry.uri, entry.examples, entry.bytes)
        yield from _cut(uri, line, entry, ((later, 0, len(later)),))
        return
    if entry.uri == uri:
        raise DataError(f"line {line} of the manifest {uri!r} names the manifest itself")
    found = open_dataset(entry.uri)
    yield from _cut(uri, line, entry, tuple((span.part, span.start, span.stop) for span in found.spans))


def _cut(uri: str, line: int, entry: Entry, parts: Sequence[tuple[Any, int, int]]) -> Iterator[Span]:
    from octavo.data.dataset import Dataset, Span

    whole = Dataset(entry.uri, tuple(Span(*part) for part in parts))
    stop = len(whole) if entry.stop is None else entry.stop
    if not entry.start < stop <= len(whole):
        raise DataError(
            f"line {line} of the manifest {uri!r} wants the examples {entry.start} to {stop} of {entry.uri!r}, which "
            f"has {len(whole)}"
        )
    yield from whole.spans_between(entry.start, stop)
