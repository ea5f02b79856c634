"""Data sets: examples in a fixed order, by one URI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from octavo.data.blocks import Block, Labels, Part, PartReader
from octavo.data.formats import Format, format_of
from octavo.errors import DataError
from octavo.storage import StoredObject, list_objects, parse_uri

__all__ = ["Dataset", "Labels", "Span", "open_dataset"]


@dataclass(frozen=True, slots=True)
class Span:
    """The examples of a part from `start` up to `stop`."""

    part: Part
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


@dataclass(eq=False)
class Dataset:
    """Examples in a fixed order.

    Args:
        uri: where it is.
        spans: what it is made of.
    """

    uri: str
    spans: tuple[Span, ...] = field(repr=False)

    def __len__(self) -> int:
        return sum(map(len, self.spans))

    @property
    def labels(self) -> Labels | None:
        """One class number for each example, or None where some have none. Reads TFRecord files from end to end.

        Prefer `Batch.labels`, which cost nothing. Raises DataError when labels cannot be read.
        """
        found: list[Labels] = []
        for span in self.spans:
            labels = span.part.labels(span.start, span.stop)
            if labels is None:
                return None
            found.append(labels)
        return np.concatenate(found)

    def blocks(self, start: int, stop: int, *, batch_size: int) -> Iterator[list[Block]]:
        """Batches of the examples from `start` up to `stop`, each as the blocks that it consists of.

        Raises:
            DataError: when a file cannot be read.
            StorageError: when the store fails.
        """
        reader = _Reader()
        try:
            for first in range(start, stop, batch_size):
                spans = self.spans_between(first, min(stop, first + batch_size))
                yield [reader.block(span) for span in spans]
        finally:
            reader.close()

    def spans_between(self, start: int, stop: int) -> list[Span]:
        """What the examples from `start` up to `stop` are made of."""
        found: list[Span] = []
        place = self._starts
        first = int(np.searchsorted(place, start, side="right")) - 1
        for number in range(first, len(self.spans)):
            if place[number] >= stop:
                break
            span = self.spans[number]
            low, high = max(0, start - place[number]), min(len(span), stop - place[number])
            found.append(Span(span.part, span.start + int(low), span.start + int(high)))
        return found

    def entries(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """The lines of a manifest of the examples from `start` up to `stop`."""
        for span in self.spans_between(start, stop):
            yield from span.part.entries(span.start, span.stop)

    def sizes(self, start: int, stop: int) -> Iterator[int]:
        """Bytes of each example from `start` up to `stop`, about; 0 where nobody knows."""
        for span in self.spans_between(start, stop):
            yield from span.part.sizes(span.start, span.stop)

    def __post_init__(self) -> None:
        self._starts = np.concatenate([[0], np.cumsum([len(span) for span in self.spans])])


class _Reader:
    """Reads spans in turn; a part stays open while it is the one that is read."""

    def __init__(self) -> None:
        self._part: Part | None = None
        self._reader: PartReader | None = None

    def block(self, span: Span) -> Block:
        if self._part is not span.part or self._reader is None:
            self.close()
            self._part, self._reader = span.part, span.part.opened()
        return self._reader.block(span.start, span.stop)

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def open_dataset(uri: str, *, most: int | None = None) -> Dataset:
    """Open a data set; examples are read only when they are asked for.

    A relative path is one in the folder that is the present one now, whatever folder it is later.

    Args:
        uri: one of
            - a folder with `labels.csv` (columns filename and label), with a sub-folder for each class (numbered in the
              order of their names, or by their names where these are all numbers), or of unlabelled images,
            - a folder of TFRecord, .npz or .npy files, read in the order of their names,
            - one such file,
            - a pattern (`s3://bucket/train-*.tfrecord`, `**` for folders in between),
            - a manifest, see `octavo.data.manifest`.
        most: how many examples are of interest; further files need not be looked into.

    Raises:
        DataError: when there are no examples, or the labels cannot be read.
        StorageError: when the URI cannot be reached.
    """
    kind = format_of(uri)
    uri = str(parse_uri(uri))
    if kind is Format.PATTERN:
        from octavo.data.patterns import matching

        return _of_objects(uri, matching(uri), most)
    if kind is Format.FOLDER:
        return _open_folder(uri, most)
    return _open_file(uri, kind, most)


def _open_folder(uri: str, most: int | None) -> Dataset:
    from octavo.data.folder import ENDINGS, LABELS, is_image, labelled_by_folders, labelled_by_table

    found = list_objects(uri)
    if any(each.name == LABELS for each in found):
        part = labelled_by_table(uri, found)
        if part.names:
            return Dataset(uri, (Span(part, 0, len(part)),))
    images = [each for each in found if is_image(each.name)]
    if images:
        part = labelled_by_folders(uri, images)
        return Dataset(uri, (Span(part, 0, len(part)),))
    files = [each for each in found if format_of(each.uri, of_file=True) in (Format.ARRAYS, Format.RECORDS)]
    files = [each for each in files if not any(part.startswith(".") for part in each.name.split("/"))]
    if not files:
        raise DataError(
            f"there are no images in {uri!r}; wanted {LABELS}, a folder for each class, files ending in "
            f"{', '.join(ENDINGS)}, or TFRecord, .npz or .npy files"
        )
    return _of_objects(uri, files, most)


def _of_objects(uri: str, found: Sequence[StoredObject], most: int | None) -> Dataset:
    """The files one behind the other; all images, or all others."""
    from octavo.data.folder import is_image, labelled_by_folders

    images = [each for each in found if is_image(each.name)]
    if images and len(images) < len(found):
        other = next(each.name for each in found if not is_image(each.name))
        raise DataError(
            f"{uri!r} names images such as {images[0].name!r} and other files such as {other!r}; wanted one kind"
        )
    if images:
        base = images[0].uri[: len(images[0].uri) - len(images[0].name)] or "."
        part = labelled_by_folders(base.removesuffix("/") or "/", images)
        return Dataset(uri, (Span(part, 0, len(part)),))
    spans: list[Span] = []
    for each in found:
        kind = format_of(each.uri, of_file=True)
        spans += _open_file(each.uri, kind, None if most is None else most - sum(map(len, spans))).spans
        if most is not None and sum(map(len, spans)) >= most:
            break
    return Dataset(uri, tuple(spans))


def _open_file(uri: str, kind: Format, most: int | None) -> Dataset:
    if kind is Format.MANIFEST:
        from octavo.data.manifest import read_manifest

        return read_manifest(uri)
    if kind is Format.ARRAYS:
        from octavo.data.arrays import open_arrays

        arrays = open_arrays(uri)
        return Dataset(uri, (Span(arrays, 0, len(arrays)),))
    if kind is Format.RECORDS:
        from octavo.data.records import count_records

        records = count_records(uri, most)
        if not len(records):
            raise DataError(f"the TFRecord file {uri!r} has no records")
        return Dataset(uri, (Span(records, 0, len(records)),))
    raise DataError(
        f"{uri!r} is no data set; wanted a folder of images, a TFRecord, .npz or .npy file, a pattern or a manifest"
    )
