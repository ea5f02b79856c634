"""Examples in the arrays of an .npz or .npy file, read row by row so that memory does not grow with the file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO

import numpy as np

from octavo.data.blocks import Labels, Part
from octavo.errors import DataError
from octavo.graph.tensors import Array
from octavo.storage import MissingObjectError, open_object

MAIN = "x"
"""The array that a graph of one input takes, and the name of the one array of an .npy file."""

LABEL = "y"

WANTED = "wanted x [examples, ...], or arrays of one length named as the model's inputs, and, for labels, y [examples]"

LOCAL_HEADER = 30
"""Bytes in front of a member's name in a zip file; the lengths of name and extra field are the last four of them."""


@dataclass(frozen=True, slots=True)
class Column:
    """One array of a file.

    Args:
        shape: examples first.
        dtype: as stored.
        at: where its numbers begin in the file, or None for a compressed array, which has to be read from its start.
        header: bytes in front of the numbers in a compressed array.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    at: int | None
    header: int = 0

    @property
    def row_bytes(self) -> int:
        """Bytes of one example."""
        return int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize


@dataclass(frozen=True)
class ArrayBlock:
    """Some rows.

    Args:
        where: the file.
        rows: feature -> array [examples, ...].
        given: the labels of `y`, int64 [examples], or None.
    """

    where: str
    rows: Mapping[str, Array]
    given: Labels | None

    def __len__(self) -> int:
        return len(next(iter(self.rows.values())))

    @property
    def features(self) -> Collection[str]:
        """The arrays' names."""
        return self.rows.keys()

    @property
    def main(self) -> str | None:
        """`x`, or the only array."""
        return _main(self.rows)

    def values(self, feature: str) -> Array:
        """The rows of one array."""
        return self.rows[feature]

    def labels(self, feature: str | None) -> Labels | None:
        """The rows of `y`, or of another array."""
        if feature is None or feature == LABEL:
            return self.given
        if feature not in self.rows:
            raise DataError(f"{self.where!r} has no label {feature!r}; its arrays are {', '.join(self.rows)}")
        return _as_labels(self.where, feature, self.rows[feature])


@dataclass(frozen=True)
class ArrayFile:
    """The arrays of one file.

    Args:
        uri: the file.
        columns: by name, the labels left out.
        all_labels: int64 [examples], or None.
    """

    uri: str
    columns: Mapping[str, Column]
    all_labels: Labels | None = field(repr=False)
    scattered: bool = False

    def __len__(self) -> int:
        return next(iter(self.columns.values())).shape[0]

    def opened(self) -> ArrayReader:
        """A reader of the rows."""
        return ArrayReader(self)

    def labels(self, start: int, stop: int) -> Labels | None:
        """The labels of these rows."""
        return None if self.all_labels is None else self.all_labels[start:stop]

    def picked(self, places: Sequence[int]) -> Part:
        """Rows stay where they are."""
        raise NotImplementedError(f"{self.uri} is read in order, not {len(places)} examples of it")

    def entries(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """One line."""
        yield {
            "uri": self.uri,
            "start": start,
            "stop": stop,
            "examples": len(self),
            "bytes": len(self) * self._row_bytes,
        }

    def sizes(self, start: int, stop: int) -> Iterator[int]:
        """Bytes of the rows, not compressed."""
        return (self._row_bytes for _ in range(start, stop))

    @property
    def _row_bytes(self) -> int:
        return sum(column.row_bytes for column in self.columns.values())


@dataclass(frozen=True)
class UnopenedArrays:
    """An array file of which a manifest says how many examples it has: opened by who reads it.

    Args:
        uri: the file.
        examples: how many.
        bytes: of all of them, not compressed.
    """

    uri: str
    examples: int
    bytes: int
    scattered: bool = False

    def __len__(self) -> int:
        return self.examples

    def opened(self) -> ArrayReader:
        """A reader of the rows."""
        return self._open().opened()

    def labels(self, start: int, stop: int) -> Labels | None:
        """The labels of these rows."""
        return self._open().labels(start, stop)

    def _open(self) -> ArrayFile:
        found = open_arrays(self.uri)
        if len(found) != self.examples:
            raise DataError(
                f"{self.uri!r} has {len(found)} examples and had {self.examples} when the shards were planned; plan "
                "them again"
            )
        return found

    def picked(self, places: Sequence[int]) -> Part:
        """Rows stay where they are."""
        raise NotImplementedError(f"{self.uri} is read in order, not {len(places)} examples of it")

    def entries(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """One line."""
        yield {"uri": self.uri, "start": start, "stop": stop, "examples": self.examples, "bytes": self.bytes}

    def sizes(self, start: int, stop: int) -> Iterator[int]:
        """The bytes, shared out evenly."""
        return (self.bytes // self.examples for _ in range(start, stop))


class ArrayReader:
    """Reads a file's rows; going back in a compressed array begins it again."""

    def __init__(self, part: ArrayFile) -> None:
        self._part = part
        self._files: dict[str, IO[bytes]] = {}
        self._places: dict[str, int] = {}
        self._opened = ExitStack()

    def block(self, start: int, stop: int) -> ArrayBlock:
        """The rows from `start` up to `stop`."""
        with explained(self._part.uri):
            rows = {name: self._rows(name, column, start, stop) for name, column in self._part.columns.items()}
        labels = self._part.all_labels
        return ArrayBlock(self._part.uri, rows, None if labels is None else labels[start:stop])

    def close(self) -> None:
        """Close the files."""
        self._opened.close()
        self._files.clear()

    def _rows(self, name: str, column: Column, start: int, stop: int) -> Array:
        self._seek(name, column, start)
        size = (stop - start) * column.row_bytes
        content = self._files[name].read(size)
        self._places[name] = stop
        if len(content) != size:
            raise EOFError(f"{name} ends early")
        return np.frombuffer(content, column.dtype).reshape(stop - start, *column.shape[1:])

    def _seek(self, name: str, column: Column, row: int) -> None:
        if name in self._files and self._places[name] == row:
            return
        if name not in self._files:
            self._files[name] = self._open(name, column)
        base = column.header if column.at is None else column.at
        self._files[name].seek(base + row * column.row_bytes)

    def _open(self, name: str, column: Column) -> IO[bytes]:
        file = self._opened.enter_context(open_object(self._part.uri))
        if column.at is not None:
            return file
        archive = self._opened.enter_context(zipfile.ZipFile(file))
        return self._opened.enter_context(archive.open(f"{name}.npy"))


def open_arrays(uri: str) -> ArrayFile:
    """Open an .npz or .npy file: only the arrays' shapes, and the labels, are read now.

    Raises:
        DataError: when the file holds no arrays of examples, or `y` not one label for each.
        StorageError: when the store fails.
    """
    with explained(uri), open_object(uri) as file:
        if file.read(6) == np.lib.format.MAGIC_PREFIX:
            columns: dict[str, Column] = {MAIN: _column_at(file, 0, file.seek(0, 2))}
            return ArrayFile(uri, _examples(columns), None)
        with zipfile.ZipFile(file) as archive:
            names = [info.filename.removesuffix(".npy") for info in archive.infolist()]
            columns = {name: _member(file, archive, name) for name in names}
        labels = columns.pop(LABEL, None)
        examples = _examples(columns)
        count = next(iter(examples.values())).shape[0]
        return ArrayFile(uri, examples, None if labels is None else _labels(uri, labels, count))


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn what reading a file raises into a DataError about it."""
    try:
        yield
    except MissingObjectError as fault:
        raise DataError(str(fault)) from fault
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as fault:
        kind = ".npy" if uri.endswith(".npy") else ".npz"
        raise DataError(f"{uri!r} cannot be read as {kind}: {fault}; {WANTED}") from fault


def _member(file: BinaryIO, archive: zipfile.ZipFile, name: str) -> Column:
    """One array of an .npz file."""
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type == zipfile.ZIP_STORED:
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER)
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        return _column_at(file, info.header_offset + LOCAL_HEADER + lengths, info.file_size, name)
    with archive.open(info) as member:
        shape, dtype = _read_header(member, name)
        return _whole(Column(shape, dtype, None, member.tell()), info.file_size - member.tell(), name)


def _column_at(file: BinaryIO, place: int, size: int, name: str = MAIN) -> Column:
    """The array whose .npy header is at that place of the file, and which has so many bytes with its header."""
    file.seek(place)
    shape, dtype = _read_header(file, name)
    return _whole(Column(shape, dtype, file.tell()), place + size - file.tell(), name)


def _whole(column: Column, size: int, name: str) -> Column:
    """The array, when its numbers are all there."""
    if column.shape and column.shape[0] * column.row_bytes > size:
        raise EOFError(f"{name} ends early")
    return column


def _read_header(file: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype; the file is left at the first number."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if fortran and len(shape) > 1:
        raise ValueError(f"{name} is stored column by column; wanted C order (np.ascontiguousarray)")
    if dtype.hasobject and name == LABEL:
        raise ValueError("y holds Python objects, which are not loaded (allow_pickle); wanted class numbers")
    return shape, dtype


def _examples(columns: Mapping[str, Column]) -> dict[str, Column]:
    """The arrays of numbers that have as many rows as `x`; without x, all must have the same number."""
    if MAIN in columns:
        main = columns[MAIN]
        if main.dtype.kind not in "uifb":
            raise ValueError(f"x holds {main.dtype}")
        if len(main.shape) < 2:
            raise ValueError(f"x has the shape {list(main.shape)}")
    numbers = {name: each for name, each in columns.items() if each.dtype.kind in "uifb" and each.shape}
    if not numbers:
        raise ValueError("it has no x")
    lengths = {name: each.shape[0] for name, each in numbers.items()}
    if MAIN not in numbers and len(set(lengths.values())) > 1:
        raise ValueError(f"it has no x, and its arrays differ in length ({lengths})")
    count = lengths.get(MAIN, max(lengths.values()))
    if count == 0:
        raise ValueError(f"{_main(numbers) or ', '.join(numbers)} has no examples")
    found = {name: each for name, each in numbers.items() if each.shape[0] == count}
    empty = [name for name, each in found.items() if each.row_bytes == 0]
    if empty:
        raise ValueError(f"{empty[0]} has the shape {list(found[empty[0]].shape)}")
    return found


def _main(names: Collection[str]) -> str | None:
    if MAIN in names:
        return MAIN
    return next(iter(names)) if len(names) == 1 else None


def _labels(uri: str, column: Column, examples: int) -> Labels:
    """All of `y`."""
    if int(np.prod(column.shape)) != examples or column.dtype.kind not in "ui":
        raise ValueError(
            f"y is {column.dtype} {list(column.shape)} for {examples} examples; wanted a class number for each"
        )
    reader = ArrayReader(ArrayFile(uri, {LABEL: column}, None))
    try:
        return reader.block(0, column.shape[0]).rows[LABEL].reshape(-1).astype(np.int64)
    finally:
        reader.close()


def _as_labels(where: str, feature: str, values: Array) -> Labels:
    if values.size != len(values) or values.dtype.kind not in "ui":
        raise DataError(
            f"the label {feature!r} of {where!r} is {values.dtype} {list(values.shape)}; wanted a class number for each"
        )
    return values.reshape(-1).astype(np.int64)
