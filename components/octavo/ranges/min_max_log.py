"""The min/max log: the ranges that a calibration's batches had, and what else it found.

Logs join with `|`, in any order and any grouping. `read_log_file` reads them a block at a time; records that stand
alone on their lines, as nearly all do, are found and converted many at once.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import islice
from operator import add
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import numpy as np

from octavo.errors import CalibrationError
from octavo.files import write_atomically
from octavo.graph.tensors import Array
from octavo.ranges.exact_sum import ExactSum
from octavo.ranges.histogram import Histogram
from octavo.ranges.log_reader import DAMAGED, NO_RECORD, REVERSED, LogReader
from octavo.ranges.log_records import (
    CORRECTION_MARK,
    MARK,
    as_float32,
    counted,
    format_correction,
    format_examples,
    format_histogram,
    format_number,
    format_ranges,
    format_record,
    format_sum,
    logged_node,
    record_prefix,
)

__all__ = [
    "CORRECTION_MARK",
    "DAMAGED",
    "MARK",
    "NO_RECORD",
    "REVERSED",
    "Examples",
    "MinMaxLog",
    "Ranges",
    "as_float32",
    "describe_skipped",
    "format_correction",
    "format_number",
    "format_record",
    "join_logs",
    "logged_node",
    "read_log",
    "read_log_file",
    "record_prefix",
    "write_log_file",
]

BLOCK_BYTES = 1 << 23
"""How much of a log is read at a time."""

LINES_AT_ONCE = 1 << 12
"""How many lines are written at a time."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Ranges:
    """The ranges of one node.

    Args:
        lows: float32 [n], the smallest value of each batch.
        highs: float32 [n], the largest one.
        batches: int32 or int64 [n], each batch's place in the data set, -1 where it is not known.
    """

    lows: Array
    highs: Array
    batches: Array

    @classmethod
    def of(cls, pairs: Sequence[tuple[float, float]]) -> Ranges:
        """The ranges of batches whose place is not known."""
        ends = np.array(pairs, np.float32).reshape(-1, 2)
        return cls(ends[:, 0], ends[:, 1], np.full(len(ends), -1, np.int64))

    def __len__(self) -> int:
        return len(self.lows)

    def pairs(self) -> list[tuple[float, float]]:
        """The ranges, in their order."""
        return list(zip(self.lows.tolist(), self.highs.tolist(), strict=True))

    def sorted(self) -> Ranges:
        """The same in canonical order: by batch, then by smallest and largest value."""
        order = np.lexsort((self.highs, self.lows, self.batches))
        return Ranges(self.lows[order], self.highs[order], self.batches[order])


@dataclass(frozen=True, order=True, slots=True)
class Examples:
    """The examples from `start` up to, not including, `stop`: behind a log, or missing from it."""

    start: int
    stop: int
    missing: bool = False


@dataclass(frozen=True)
class MinMaxLog:
    """What a log says; logs join with `|`, in any order.

    Args:
        ranges: node -> its ranges, one for each batch.
        skipped: why -> how many lines, or records, were passed over.
        corrections: node -> the sum of its bias corrections, one for each batch that measured them.
        histograms: node -> how often its values occur, over all batches.
        singles: mark of a record of one number -> node -> the numbers, ascending.
        examples: what the log is of, ascending; empty where it does not say.
    """

    ranges: Mapping[str, Ranges] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    corrections: Mapping[str, ExactSum] = field(default_factory=dict)
    histograms: Mapping[str, Histogram] = field(default_factory=dict)
    singles: Mapping[str, Mapping[str, list[float]]] = field(default_factory=dict)
    examples: tuple[Examples, ...] = ()

    @property
    def records(self) -> dict[str, list[tuple[float, float]]]:
        """Node -> the (smallest, largest) pairs of its batches."""
        return {node: ranges.pairs() for node, ranges in self.ranges.items()}

    @property
    def nodes(self) -> frozenset[str]:
        """The nodes that the log is about."""
        singles = (nodes.keys() for nodes in self.singles.values())
        return frozenset().union(self.ranges, self.corrections, self.histograms, *singles)

    def __len__(self) -> int:
        singles = sum(len(values) for nodes in self.singles.values() for values in nodes.values())
        return sum(map(len, self.ranges.values())) + len(self.corrections) + len(self.histograms) + singles

    def __or__(self, other: MinMaxLog) -> MinMaxLog:
        return join_logs([self, other])

    def lines(self) -> Iterator[str]:
        """The log as lines in canonical order: what it is of, then ranges, sums, histograms and single ends by node.

        Around these stand the lines that tell a whole log from one that is cut off.
        """
        return counted(self._records())

    def _records(self) -> Iterator[str]:
        for part in self.examples:
            yield format_examples(part.start, part.stop, missing=part.missing) + "\n"
        for node in sorted(self.ranges):
            ranges = self.ranges[node].sorted()
            yield from format_ranges(node, ranges.lows, ranges.highs, ranges.batches)
        for node in sorted(self.corrections):
            yield format_sum(node, self.corrections[node]) + "\n"
        for node in sorted(self.histograms):
            yield format_histogram(node, self.histograms[node]) + "\n"
        for mark in sorted(self.singles):
            for node in sorted(self.singles[mark]):
                for value in sorted(self.singles[mark][node]):
                    yield f"{record_prefix(node, mark)}[{format_number(value)}]\n"


def join_logs(logs: Sequence[MinMaxLog]) -> MinMaxLog:
    """All that the logs say, whatever their order.

    Raises:
        CalibrationError: when two logs are of the same examples, or a node's bias corrections differ in length.
    """
    marks = dict.fromkeys(mark for log in logs for mark in log.singles)
    return MinMaxLog(
        {node: _joined_ranges(parts) for node, parts in _by_node([log.ranges for log in logs]).items()},
        dict(sum((Counter(log.skipped) for log in logs), Counter())),
        {node: _summed(node, parts) for node, parts in _by_node([log.corrections for log in logs]).items()},
        {node: reduce(add, parts) for node, parts in _by_node([log.histograms for log in logs]).items()},
        {mark: _joined_singles([log.singles.get(mark, {}) for log in logs]) for mark in marks},
        _joined_examples([part for log in logs for part in log.examples]),
    )


def read_log(lines: Iterable[str]) -> MinMaxLog:
    """Read a log line by line; what is no record is counted, not stored.

    Raises:
        CalibrationError: when values are NaN or infinite, naming the nodes and how often; or octavo wrote the log, and
            it is cut off.
    """
    reader = LogReader()
    for line in lines:
        reader.read(line.encode(errors="replace").removesuffix(b"\n") + b"\n")
    return _log_of(reader)


def read_log_file(path: str | Path) -> MinMaxLog:
    """Read a log file, plain or compressed by gzip, that must hold records.

    Raises:
        CalibrationError: when the file cannot be read, is cut off, holds no record, or holds NaN or infinity.
    """
    reader = LogReader()
    try:
        with _opened(Path(path).expanduser()) as file:
            for block in _blocks(file):
                reader.read(block)
        log = _log_of(reader)
    except (OSError, EOFError) as fault:
        why = getattr(fault, "strerror", None) or str(fault)
        raise CalibrationError(f"the min/max log {str(path)!r} cannot be read: {why}") from fault
    except CalibrationError as fault:
        raise CalibrationError(f"{fault}, in {str(path)!r}") from fault
    if not len(log) and not any(part.missing for part in log.examples):
        raise CalibrationError(
            f"the min/max log {str(path)!r} holds no record ({describe_skipped(log.skipped)}); "
            f"wanted lines like {format_record('NODE', 0, 1)}"
        )
    return log


def write_log_file(log: MinMaxLog, path: str | Path) -> None:
    """Write a log file in canonical order, whole or not at all."""
    write_atomically(path, _joined_lines(log.lines()))


def _joined_lines(lines: Iterator[str]) -> Iterator[bytes]:
    """Many lines at a time, which are written faster than one by one."""
    while joined := "".join(islice(lines, LINES_AT_ONCE)):
        yield joined.encode()


def describe_skipped(skipped: Mapping[str, int]) -> str:
    """How many lines were skipped and why, as one phrase."""
    if not skipped:
        return "no line in it"
    return ", ".join(f"{count} with {why}" for why, count in sorted(skipped.items()))


def _opened(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if compressed else path.open("rb")


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Blocks of whole lines."""
    rest: list[bytes] = []
    while block := file.read(BLOCK_BYTES):
        whole, newline, after = block.rpartition(b"\n")
        if newline:
            yield b"".join([*rest, whole, newline])
            rest.clear()
        rest.append(after)
    if last := b"".join(rest):
        yield last + b"\n"


def _log_of(reader: LogReader) -> MinMaxLog:
    """What a reader found.

    Raises:
        CalibrationError: when it found NaN or infinity, or a log that does not end.
    """
    reader.check_end()
    if reader.refused:
        skipped = f" (beside lines skipped: {describe_skipped(reader.skipped)})" if reader.skipped else ""
        raise CalibrationError(f"the min/max log holds NaN or infinity for {_counted(reader.refused)}{skipped}")
    return MinMaxLog(
        {node: Ranges(*columns) for node, columns in reader.ranges()},
        dict(reader.skipped),
        reader.corrections,
        reader.histograms,
        {mark: {node: sorted(values) for node, values in nodes.items()} for mark, nodes in reader.singles.items()},
        _joined_examples([Examples(*part) for part in reader.examples]),
    )


def _by_node(parts: Sequence[Mapping[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for part in parts:
        for node, value in part.items():
            found.setdefault(node, []).append(value)
    return found


def _joined_ranges(parts: Sequence[Ranges]) -> Ranges:
    columns: list[Any] = [np.concatenate([getattr(p, name) for p in parts]) for name in ("lows", "highs", "batches")]
    return Ranges(*columns)


def _summed(node: str, parts: Sequence[ExactSum]) -> ExactSum:
    try:
        return reduce(add, parts)
    except CalibrationError as fault:
        raise CalibrationError(f"the bias corrections of {node!r} do not fit together: {fault}") from fault


def _joined_singles(parts: Sequence[Mapping[str, list[float]]]) -> dict[str, list[float]]:
    return {node: sorted(value for part in values for value in part) for node, values in _by_node(parts).items()}


def _joined_examples(parts: Sequence[Examples]) -> tuple[Examples, ...]:
    """The parts in order; neighbours that are both behind the log become one."""
    joined: list[Examples] = []
    for part in sorted(parts):
        if joined and part.start < joined[-1].stop:
            last = min(part.stop, joined[-1].stop) - 1
            raise CalibrationError(
                f"two min/max logs are of the same examples {part.start} to {last}; wanted each once"
            )
        if joined and part.start == joined[-1].stop and not (part.missing or joined[-1].missing):
            joined[-1] = Examples(joined[-1].start, part.stop)
        else:
            joined.append(part)
    return tuple(joined)


def _counted(nodes: Counter[str], shown: int = 5) -> str:
    parts = [f"{name!r} ({count} {'time' if count == 1 else 'times'})" for name, count in sorted(nodes.items())]
    more = f" and {len(parts) - shown} more" if len(parts) > shown else ""
    return ", ".join(parts[:shown]) + more
