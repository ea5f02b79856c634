"""Image files: those of a folder, with their labels where they have any."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from octavo.data.blocks import Encoded, Labels
from octavo.errors import DataError
from octavo.storage import StoredObject, join, read_bytes

ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
"""What the name of an image ends with, in any letter case."""

LABELS = "labels.csv"

FEATURE = "image"


@dataclass(frozen=True)
class ImageBlock:
    """Some image files, which are read when their values are.

    Args:
        where: their folder.
        files: URIs.
        given: int64 [files], or None.
    """

    where: str
    files: Sequence[str]
    given: Labels | None
    features: Collection[str] = (FEATURE,)
    main: str | None = FEATURE

    def __len__(self) -> int:
        return len(self.files)

    def values(self, feature: str) -> Sequence[Encoded]:
        """The files."""
        assert feature == FEATURE
        return [Encoded(file) for file in self.files]

    def labels(self, feature: str | None) -> Labels | None:
        """The folder's labels."""
        if feature is not None:
            raise DataError(f"the image files in {self.where!r} have no feature {feature!r} for a label")
        return self.given


@dataclass(frozen=True)
class ImageFiles:
    """Image files with one label each, or none at all.

    Args:
        uri: the folder.
        names: of every image, in order: relative to the folder, or URIs where `whole` says so.
        all_labels: int64 [images], or None.
        all_sizes: bytes of every file, or None where nobody has asked.
        whole: whether `names` are URIs.
    """

    uri: str
    names: Sequence[str] = field(repr=False)
    all_labels: Labels | None = field(repr=False)
    all_sizes: Sequence[int] | None = field(default=None, repr=False)
    whole: bool = False
    scattered: bool = True

    def __len__(self) -> int:
        return len(self.names)

    def opened(self) -> ImageFiles:
        """Nothing needs to be opened."""
        return self

    def close(self) -> None:
        """Nothing is held."""

    def block(self, start: int, stop: int) -> ImageBlock:
        """The files from `start` up to `stop`."""
        files = [self._file(place) for place in range(start, stop)]
        return ImageBlock(self.uri, files, None if self.all_labels is None else self.all_labels[start:stop])

    def labels(self, start: int, stop: int) -> Labels | None:
        """The labels of these images."""
        return None if self.all_labels is None else self.all_labels[start:stop]

    def picked(self, places: Sequence[int]) -> ImageFiles:
        """Some of the files, in that order."""
        labels = None if self.all_labels is None else self.all_labels[list(places)]
        sizes = None if self.all_sizes is None else [self.all_sizes[place] for place in places]
        return ImageFiles(self.uri, [self.names[place] for place in places], labels, sizes, self.whole)

    def entries(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """A line for each image."""
        for place in range(start, stop):
            line: dict[str, Any] = {"uri": self._file(place)}
            if self.all_labels is not None:
                line["label"] = int(self.all_labels[place])
            yield line

    def sizes(self, start: int, stop: int) -> Iterator[int]:
        """Bytes of the files."""
        return iter([0] * (stop - start) if self.all_sizes is None else self.all_sizes[start:stop])

    def _file(self, place: int) -> str:
        return self.names[place] if self.whole else join(self.uri, self.names[place])


def is_image(name: str) -> bool:
    """Whether a name, relative to the data set, is that of an image; what is hidden does not count."""
    hidden = any(part.startswith(".") for part in name.split("/"))
    return not hidden and name.lower().endswith(ENDINGS)


def labelled_by_table(uri: str, found: Sequence[StoredObject] = ()) -> ImageFiles:
    """The images that a folder's labels.csv lists, in its order; `found` is the folder's listing, for their sizes.

    Raises:
        DataError: when the table cannot be read.
    """
    table = join(uri, LABELS)
    try:
        lines = read_bytes(table).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as fault:
        raise DataError(f"{table!r} is no UTF-8 text: {fault.reason}") from fault
    rows = csv.DictReader(lines)
    missing = {"filename", "label"} - set(rows.fieldnames or ())
    if missing:
        raise DataError(
            f"{table!r} has no column {' or '.join(sorted(missing))}; its first line is {lines[:1]}, wanted "
            "filename,label"
        )
    names, labels = [], []
    for row in rows:
        names.append(_cell(row, "filename", table, rows.line_num))
        labels.append(_label(_cell(row, "label", table, rows.line_num), table, rows.line_num))
    sizes = {each.name: each.size for each in found}
    return ImageFiles(uri, names, np.array(labels, np.int64), [sizes.get(name, 0) for name in names])


def labelled_by_folders(uri: str, images: Sequence[StoredObject]) -> ImageFiles:
    """Images with the labels that their class folders give, or none where there are no folders.

    Raises:
        DataError: when some are in folders and some are not.
    """
    folders = [found.name.split("/", 1)[0] if "/" in found.name else "" for found in images]
    names, sizes = [found.name for found in images], [found.size for found in images]
    if not any(folders):
        return ImageFiles(uri, names, None, sizes)
    if not all(folders):
        stray = images[folders.index("")].name
        raise DataError(
            f"{uri!r} has class folders such as {max(folders)!r} and images outside of them such as {stray!r}; "
            f"wanted one or the other, or {LABELS}"
        )
    numbers = _class_numbers(folders)
    return ImageFiles(uri, names, np.array([numbers[name] for name in folders], np.int64), sizes)


def _cell(row: dict[str, str | None], column: str, table: str, line: int) -> str:
    text = (row[column] or "").strip()
    if not text:
        raise DataError(f"line {line} of {table!r} has no {column}")
    return text


def _label(text: str, table: str, line: int) -> int:
    if not text.isdecimal():
        raise DataError(f"line {line} of {table!r} has the label {text!r}; wanted a class number such as 0 or 17")
    return int(text)


def _class_numbers(folders: Sequence[str]) -> dict[str, int]:
    """Folder name -> class: the number that it says, where all say one, else its place in the order of names."""
    names = sorted(set(folders))
    if all(name.isdecimal() for name in names):
        return {name: int(name) for name in names}
    return {name: number for number, name in enumerate(names)}
