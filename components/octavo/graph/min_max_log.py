"""The min/max log: one record a line for each range and batch, as TensorFlow's Print op writes it.

    ;conv1_eightbit_requant_range__print__;__requant_min_max:[-5.75943518][3.43590856]
    ;eightbit_bias_correction/conv1__print__;__bias_correction:[0.0125 -0.5 0.25]

The second kind holds one number for each output channel: what rounding the weights of conv1 took from it in a batch.
Anything may stand before and after a record (a logger's prefix, other programs' lines), and two threads may have put
two records on one line.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from octavo.errors import CalibrationError

MARK = "__requant_min_max:"
"""The message that the logged graph's Print nodes carry behind the node's name."""

CORRECTION_MARK = "__bias_correction:"
"""The message of a Print node behind a bias correction."""

NO_RECORD = "no record in it"
DAMAGED = "a damaged record"
REVERSED = "a range whose minimum is above its maximum"

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_NOT_FINITE = r"[+-]?(?:[nN][aA][nN](?:\(\w*\))?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
_VALUE = rf"\[({_NUMBER}|{_NOT_FINITE})\]"
_ANY = rf"(?:{_NUMBER}|{_NOT_FINITE})"
_CORRECTION = re.compile(rf";([^;\[\]\s]+)__print__;{CORRECTION_MARK}\[({_ANY}(?: {_ANY})*)\](?!\[)")
_RECORD = re.compile(rf";([^;\[\]\s]+)__print__;{MARK}{_VALUE}{_VALUE}(?!\[)")

T = TypeVar("T")
Record = tuple[str, float, float]
"""Node, smallest and largest value; the values are float32 numbers."""


@dataclass(frozen=True)
class MinMaxLog:
    """What a log says; logs join with `|`, in any order.

    Args:
        records: node -> its (smallest, largest) pairs, one for each batch, in the log's order.
        skipped: why -> how many lines, or records, were passed over.
        corrections: node -> its bias corrections, one vector for each batch, in the log's order.
    """

    records: Mapping[str, list[tuple[float, float]]] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    corrections: Mapping[str, list[tuple[float, ...]]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self.records.values())) + sum(map(len, self.corrections.values()))

    def __or__(self, other: MinMaxLog) -> MinMaxLog:
        return MinMaxLog(
            _joined(self.records, other.records),
            dict(Counter(self.skipped) + Counter(other.skipped)),
            _joined(self.corrections, other.corrections),
        )

    def lines(self) -> Iterator[str]:
        """The records as lines in canonical order: by node, then by smallest and largest value."""
        for node in sorted(self.records):
            for low, high in sorted(self.records[node]):
                yield format_record(node, low, high) + "\n"
        for node in sorted(self.corrections):
            for values in sorted(self.corrections[node]):
                yield format_correction(node, values) + "\n"


def read_log(lines: Iterable[str]) -> MinMaxLog:
    """Read a log line by line; what is no record is counted, not stored.

    Raises:
        CalibrationError: when values are NaN or infinite, naming the nodes and how often.
    """
    records: dict[str, list[tuple[float, float]]] = {}
    corrections: dict[str, list[tuple[float, ...]]] = {}
    skipped: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for line in lines:
        found = list(_records(line))
        vectors = list(_vectors(line))
        skipped.update(_faults(line, found, len(vectors)))
        for node, values in vectors:
            if all(map(math.isfinite, values)):
                corrections.setdefault(node, []).append(values)
            else:
                refused[node] += 1
        for node, low, high in found:
            if not (math.isfinite(low) and math.isfinite(high)):
                refused[node] += 1
            elif low <= high:
                records.setdefault(node, []).append((low, high))
    if refused:
        raise CalibrationError(f"the min/max log holds NaN or infinity for {_counted(refused)}")
    return MinMaxLog(records, dict(skipped), corrections)


def read_log_file(path: str | Path) -> MinMaxLog:
    """Read a log file that must hold records.

    Raises:
        CalibrationError: when the file cannot be read, holds no record, or holds NaN or infinity.
    """
    try:
        with Path(path).expanduser().open(encoding="utf-8", errors="replace") as lines:
            log = read_log(lines)
    except OSError as fault:
        raise CalibrationError(f"the min/max log {str(path)!r} cannot be read: {fault.strerror}") from fault
    except CalibrationError as fault:
        raise CalibrationError(f"{fault}, in {str(path)!r}") from fault
    if not len(log):
        raise CalibrationError(
            f"the min/max log {str(path)!r} holds no record ({describe_skipped(log.skipped)}); "
            f"wanted lines like {format_record('NODE', 0, 1)}"
        )
    return log


def format_record(node: str, low: float, high: float) -> str:
    """One record, without a line's end; the numbers read back as the same float32."""
    return f"{record_prefix(node)}[{format_number(low)}][{format_number(high)}]"


def format_correction(node: str, values: Iterable[float]) -> str:
    """One bias correction, without a line's end: a number for each output channel."""
    return f"{record_prefix(node, CORRECTION_MARK)}[{' '.join(map(format_number, values))}]"


def record_prefix(node: str, mark: str = MARK) -> str:
    """What a record of a node begins with: the message of its Print node.

    Raises:
        CalibrationError: when the name holds a character that the log's grammar uses.
    """
    if not re.fullmatch(r"[^;\[\]\s]+", node):
        raise CalibrationError(f"the node name {node!r} cannot be logged: it holds a blank, ';', '[' or ']'")
    return f";{node}__print__;{mark}"


def logged_node(message: str, mark: str = MARK) -> str | None:
    """The node that a Print's message names, or None when the message is not that of a record of this kind."""
    found = re.search(rf";([^;\[\]\s]+)__print__;{mark}$", message)
    return found[1] if found else None


def format_number(value: float) -> str:
    """A float32 as Print writes it: six digits where they are enough to read it back, else nine."""
    number = as_float32(value)
    short = f"{number:.6g}"
    return short if as_float32(short) == number else f"{number:.9g}"


def as_float32(value: float | str) -> float:
    """The nearest float32, as a Python float; negative zero becomes zero."""
    with np.errstate(over="ignore"):
        return float(np.float32(value)) + 0.0


def describe_skipped(skipped: Mapping[str, int]) -> str:
    """How many lines were skipped and why, as one phrase."""
    if not skipped:
        return "no line in it"
    return ", ".join(f"{count} with {why}" for why, count in sorted(skipped.items()))


def _records(line: str) -> Iterator[Record]:
    """Every record of a line that follows the grammar; the values may be NaN or infinite."""
    for found in _RECORD.finditer(line):
        yield found[1], as_float32(_plain(found[2])), as_float32(_plain(found[3]))


def _vectors(line: str) -> Iterator[tuple[str, tuple[float, ...]]]:
    """Every bias correction of a line; the values may be NaN or infinite."""
    if CORRECTION_MARK in line:
        for found in _CORRECTION.finditer(line):
            yield found[1], tuple(as_float32(_plain(number)) for number in found[2].split(" "))


def _plain(number: str) -> str:
    """C's spelling of a not-a-number, `nan(ind)`, without its tail."""
    return number.split("(", 1)[0]


def _faults(line: str, found: list[Record], vectors: int) -> Iterator[str]:
    """Why parts of a line count as skipped: a reason for each."""
    marks = line.count(MARK) + line.count(CORRECTION_MARK)
    if not marks:
        yield NO_RECORD
    yield from (DAMAGED for _ in range(marks - len(found) - vectors))
    yield from (REVERSED for _, low, high in found if low > high)


def _joined(one: Mapping[str, list[T]], other: Mapping[str, list[T]]) -> dict[str, list[T]]:
    return {name: [*one.get(name, ()), *other.get(name, ())] for name in one.keys() | other.keys()}


def _counted(nodes: Counter[str], shown: int = 5) -> str:
    parts = [f"{name!r} ({count} {'time' if count == 1 else 'times'})" for name, count in sorted(nodes.items())]
    more = f" and {len(parts) - shown} more" if len(parts) > shown else ""
    return ", ".join(parts[:shown]) + more
