"""TFRecord files of tf.train.Example: their records, found and checked without TensorFlow, and what is in them.

A record is: length (8 bytes, little endian), masked CRC-32C of these, the content, masked CRC-32C of it (4 bytes each).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, BinaryIO, cast

import google_crc32c
import numpy as np

from octavo.data.blocks import Encoded, Labels, Part, Value
from octavo.errors import DataError
from octavo.graph.tensors import Array
from octavo.storage import MissingObjectError, open_object
from octavo.tensorflow import import_tensorflow

MAIN = "image/encoded"
"""The feature that a graph of one input takes, where there is one of that name."""

LABELS = ("image/class/label", "label")
"""The features that are taken for the label, the first one that is there."""

HEAD = struct.Struct("<QI")
TAIL = struct.Struct("<I")

STRIDE = 64
"""A record's place is remembered for every so many, so that a part can be read without what is before it."""

GZIP = b"\x1f\x8b"

IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM")
"""How image files begin."""


@dataclass(frozen=True)
class RecordBlock:
    """Some records.

    Args:
        where: the file.
        start: the first record's place in it.
        records: serialized tf.train.Example.
    """

    where: str
    start: int
    records: Sequence[bytes]

    def __len__(self) -> int:
        return len(self.records)

    @cached_property
    def examples(self) -> list[Mapping[str, Any]]:
        """Feature name -> tf.train.Feature, for each record."""
        parse = import_tensorflow().train.Example.FromString
        try:
            return [parse(record).features.feature for record in self.records]
        except Exception as fault:  # protobuf's DecodeError derives from Exception alone
            raise DataError(f"a record of {self.where!r} is no tf.train.Example: {fault}") from fault

    @property
    def features(self) -> Collection[str]:
        """The features of the first record."""
        return sorted(self.examples[0])

    @property
    def main(self) -> str | None:
        """`image/encoded`, or the only feature that is no label."""
        names = [name for name in self.features if name not in LABELS]
        return MAIN if MAIN in names else names[0] if len(names) == 1 else None

    def values(self, feature: str) -> Sequence[Value]:
        """Flat arrays of int64 or float32, or images still to be decoded."""
        return [self._value(index, feature) for index in range(len(self))]

    def labels(self, feature: str | None) -> Labels | None:
        """One class number a record."""
        name = feature or next((name for name in LABELS if name in self.examples[0]), None)
        if name is None:
            return None
        found = [self._numbers(index, name) for index in range(len(self))]
        wrong = next(
            (index for index, values in enumerate(found) if values.size != 1 or values.dtype != np.int64), None
        )
        if wrong is not None:
            raise DataError(f"the label {name!r} of {self._name(wrong)} is no single int64; name the label's feature")
        return np.concatenate(found)

    def _value(self, index: int, feature: str) -> Value:
        held = self._feature(index, feature).bytes_list.value
        if len(held) == 1 and held[0].startswith(IMAGES):
            return Encoded(self._name(index), held[0])
        if feature == MAIN and len(held) == 1:
            return Encoded(self._name(index), held[0])
        return self._numbers(index, feature)

    def _numbers(self, index: int, feature: str) -> Array:
        held = self._feature(index, feature)
        kind = held.WhichOneof("kind")
        if kind == "int64_list":
            return np.array(held.int64_list.value, np.int64)
        if kind == "float_list":
            return np.array(held.float_list.value, np.float32)
        raise DataError(
            f"the feature {feature!r} of {self._name(index)} holds {'bytes' if kind else 'nothing'}; wanted numbers, "
            "or an encoded image"
        )

    def _feature(self, index: int, feature: str) -> Any:
        if feature not in self.examples[index]:
            raise DataError(
                f"{self._name(index)} has no feature {feature!r}; it has {', '.join(sorted(self.examples[index]))}"
            )
        return self.examples[index][feature]

    def _name(self, index: int) -> str:
        return f"record {self.start + index} of {self.where}"


@dataclass(frozen=True)
class RecordFile:
    """The records of one file.

    Args:
        uri: the file.
        examples: how many.
        index: the place in bytes of every `STRIDE`th record, from the record `first` on.
        first: a multiple of `STRIDE`.
        bytes: of the file.
    """

    uri: str
    examples: int
    index: Sequence[int] = field(default=(), repr=False)
    first: int = 0
    bytes: int = 0
    scattered: bool = False

    def __len__(self) -> int:
        return self.examples

    def opened(self) -> RecordReader:
        """A reader of the records."""
        return RecordReader(self)

    def labels(self, start: int, stop: int) -> Labels | None:
        """The labels of these records, which are read for that."""
        reader = self.opened()
        try:
            places = range(start, stop, STRIDE)
            found = [reader.block(place, min(stop, place + STRIDE)).labels(None) for place in places]
        finally:
            reader.close()
        known = [each for each in found if each is not None]
        return np.concatenate(known) if known and len(known) == len(found) else None

    def picked(self, places: Sequence[int]) -> Part:
        """Records stay where they are."""
        raise NotImplementedError(f"{self.uri} is read in order, not {len(places)} examples of it")

    def entries(self, start: int, stop: int) -> Iterator[dict[str, Any]]:
        """One line, with the places that these records need."""
        first, last = start // STRIDE, -(-stop // STRIDE)
        skipped = self.first // STRIDE
        yield {
            "uri": self.uri,
            "start": start,
            "stop": stop,
            "examples": self.examples,
            "bytes": self.bytes,
            "first": first * STRIDE,
            "index": list(self.index[first - skipped : last - skipped]),
        }

    def sizes(self, start: int, stop: int) -> Iterator[int]:
        """The file's bytes, shared out evenly."""
        return (self.bytes // self.examples for _ in range(start, stop))


class RecordReader:
    """Reads a file's records; the content of each is compared with its checksum."""

    def __init__(self, part: RecordFile) -> None:
        self._part = part
        self._file: Any = None
        self._place = 0

    def block(self, start: int, stop: int) -> RecordBlock:
        """The records from `start` up to `stop`."""
        with _decompressed(self._part.uri):
            file = self._at(start)
            records = [_read(file, self._part.uri, number) for number in range(start, stop)]
        self._place = stop
        return RecordBlock(self._part.uri, start, records)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _at(self, record: int) -> Any:
        """The file, at the beginning of a record."""
        if self._file is None:
            self._file = open_records(self._part.uri)
        if record < self._place or record >= self._place + STRIDE:
            known, first = self._part.index, self._part.first
            nearest = min((record - first) // STRIDE, len(known) - 1) if record >= first else -1
            self._file.seek(known[nearest] if nearest >= 0 else 0)
            self._place = first + nearest * STRIDE if nearest >= 0 else 0
        while self._place < record:
            _skip(self._file, self._part.uri, self._place)
            self._place += 1
        return self._file


def open_records(uri: str) -> BinaryIO:
    """A TFRecord file, made plain where it is compressed.

    Raises:
        DataError: when there is no such file.
        StorageError: when the store fails.
    """
    try:
        file = open_object(uri)
    except MissingObjectError as fault:
        raise DataError(str(fault)) from fault
    compressed = file.read(2) == GZIP
    file.seek(0)
    if not compressed:
        return file
    plain = gzip.GzipFile(fileobj=file)
    plain.myfileobj = cast("Any", file)  # so that closing the one closes the other
    return cast("BinaryIO", plain)


def count_records(uri: str, most: int | None = None) -> RecordFile:
    """Look through a file for its records; contents are passed over.

    Args:
        uri: the file.
        most: stop after so many.

    Raises:
        DataError: when there is no such file, it is no TFRecord file, or its end is missing.
        StorageError: when the store fails.
    """
    index: list[int] = []
    count = 0
    with _decompressed(uri), open_records(uri) as file:
        end = None if _is_compressed(file) else file.seek(0, 2)
        file.seek(0)
        while most is None or count < most:
            place = file.tell()
            if not _skip(file, uri, count, end):
                break
            if count % STRIDE == 0:
                index.append(place)
            count += 1
        return RecordFile(uri, count, index, bytes=file.tell())


@contextmanager
def _decompressed(uri: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
        raise DataError(f"{uri!r} cannot be decompressed: {fault}; copy the file again") from fault


def _is_compressed(file: Any) -> bool:
    return isinstance(file, gzip.GzipFile)


def _skip(file: BinaryIO, uri: str, record: int, end: int | None = None) -> bool:
    """Go to the next record; false at the file's end, which is looked for where it is known."""
    length = _length(file, uri, record)
    if length is None:
        return False
    place = file.seek(length + TAIL.size, 1)
    if end is not None and place > end:
        raise DataError(f"{uri!r} ends within record {record}; copy the file again")
    return True


def _length(file: BinaryIO, uri: str, record: int) -> int | None:
    """The length of the record that begins here; None at the file's end."""
    head = file.read(HEAD.size)
    if not head:
        return None
    if len(head) == HEAD.size:
        length, checksum = HEAD.unpack(head)
        if _masked(head[:8]) == checksum:
            return int(length)
    raise DataError(f"{uri!r} is no TFRecord file, or a damaged one, at record {record}")


def _read(file: BinaryIO, uri: str, record: int) -> bytes:
    length = _length(file, uri, record)
    if length is None:
        raise DataError(f"{uri!r} ends before record {record}; plan the shards of this data set again")
    content, tail = file.read(length), file.read(TAIL.size)
    if len(tail) != TAIL.size or _masked(content) != TAIL.unpack(tail)[0]:
        raise DataError(f"record {record} of {uri!r} is damaged (its checksum differs); copy the file again")
    return content


def _masked(content: bytes) -> int:
    """TFRecord's checksum: CRC-32C, rotated right by 15 bits, plus a constant."""
    checksum: int = google_crc32c.value(content)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
