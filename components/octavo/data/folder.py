"""Folders of image files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from octavo.data.dataset import Labels
from octavo.data.elements import mapped
from octavo.data.pixels import decode
from octavo.errors import DataError, OctavoError
from octavo.runtime.tensorflow import import_tensorflow
from octavo.storage import StoredObject, exists, join, list_objects, read_bytes

ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".bmp")
"""What the name of an image ends with, in any letter case."""

LABELS = "labels.csv"

READERS = 8
"""Images that are read and decoded at a time."""


@dataclass(frozen=True)
class ImageFolder:
    """Image files with one label each, or none at all.

    Args:
        uri: the folder.
        files: URI of every image, in order.
        labels: int64 [images], or None.
    """

    uri: str
    files: Sequence[str]
    labels: Labels | None

    def __len__(self) -> int:
        return len(self.files)

    def source(self, start: int, stop: int, channels: int) -> ImageFiles:
        """The images as 1 (grey) or 3 (colour) channels, whatever the files hold."""
        if channels not in (1, 3):
            raise DataError(
                f"images of {channels} channels are wanted, but the files in {self.uri!r} give 1 (grey) or 3 (colour)"
            )
        return ImageFiles(self.files, start, stop, channels)


class ImageFiles:
    """Some files of a folder, read and decoded by a few threads."""

    def __init__(self, files: Sequence[str], start: int, stop: int, channels: int) -> None:
        self._files = files
        self._span = (start, stop)
        self._channels = channels
        self._faults: dict[int, OctavoError] = {}

    def elements(self) -> Any:
        """The images in order: uint8 [height, width, channels]."""
        tf = import_tensorflow()

        def load(index: Any) -> Any:
            image = tf.py_function(self._load, [index], tf.uint8)
            image.set_shape([None, None, self._channels])
            return image

        return mapped(tf.data.Dataset.range(*self._span), load, at_once=READERS)

    def fault(self) -> OctavoError | None:
        """The fault of the first image that has one."""
        return self._faults[min(self._faults)] if self._faults else None

    def _load(self, index: Any) -> Any:
        uri = self._files[int(index)]
        try:
            return decode(read_bytes(uri), uri, channels=self._channels)
        except OctavoError as fault:
            self._faults[int(index)] = fault
            raise


def open_folder(uri: str) -> ImageFolder:
    """The images of a folder, labelled by labels.csv, by class folders, or not at all.

    Raises:
        DataError: when there are no images, or the labels cannot be read.
    """
    table = join(uri, LABELS)
    folder = _labelled_by_table(uri, table) if exists(table) else _labelled_by_folders(uri)
    if not folder.files:
        raise DataError(
            f"there are no images in {uri!r}; wanted {LABELS}, a folder for each class, or files ending in "
            f"{', '.join(ENDINGS)}"
        )
    return folder


def _labelled_by_table(uri: str, table: str) -> ImageFolder:
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
    files, labels = [], []
    for row in rows:
        files.append(join(uri, _cell(row, "filename", table, rows.line_num)))
        labels.append(_label(_cell(row, "label", table, rows.line_num), table, rows.line_num))
    return ImageFolder(uri, files, np.array(labels, np.int64))


def _cell(row: dict[str, str | None], column: str, table: str, line: int) -> str:
    text = (row[column] or "").strip()
    if not text:
        raise DataError(f"line {line} of {table!r} has no {column}")
    return text


def _label(text: str, table: str, line: int) -> int:
    if not text.isdecimal():
        raise DataError(f"line {line} of {table!r} has the label {text!r}; wanted a class number such as 0 or 17")
    return int(text)


def _labelled_by_folders(uri: str) -> ImageFolder:
    images = [found for found in list_objects(uri) if _is_image(found)]
    folders = [found.name.split("/", 1)[0] if "/" in found.name else "" for found in images]
    files = [found.uri for found in images]
    if not any(folders):
        return ImageFolder(uri, files, None)
    if not all(folders):
        stray = images[folders.index("")].name
        raise DataError(
            f"{uri!r} has class folders such as {max(folders)!r} and images outside of them such as {stray!r}; "
            f"wanted one or the other, or {LABELS}"
        )
    numbers = _class_numbers(folders)
    return ImageFolder(uri, files, np.array([numbers[name] for name in folders], np.int64))


def _is_image(found: StoredObject) -> bool:
    hidden = any(part.startswith(".") for part in found.name.split("/"))
    return not hidden and found.name.lower().endswith(ENDINGS)


def _class_numbers(folders: Sequence[str]) -> dict[str, int]:
    """Folder name -> class: the number that it says, where all say one, else its place in the order of names."""
    names = sorted(set(folders))
    if all(name.isdecimal() for name in names):
        return {name: int(name) for name in names}
    return {name: number for number, name in enumerate(names)}
