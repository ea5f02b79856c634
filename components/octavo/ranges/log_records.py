"""The records of a min/max log as text: writing them, and finding them in a line.

Each is what TensorFlow's Print op writes: its message, `;NODE__print__;MARK`, and a bracket for each tensor. Anything
may stand before and after it, and two threads may have put two on one line.

    ;conv1_eightbit_requant_range__print__;__requant_min_max:[-5.75943518][3.43590856]     a batch's range
    batch=3 ;conv1_eightbit_requant_range__print__;__requant_min_max:[-5.7][3.4]           that of batch 3
    ;conv1_eightbit_max__print__;__max:[3.43590856]                                        one end alone; so __min:
    ;conv1_eightbit_requant_range__print__;__requant_max:[3.43590856]                      so __requant_min:
    ;eightbit_bias_correction/conv1__print__;__bias_correction:[0.0125 -0.5 0.25]          a number for each channel
    ;eightbit_bias_correction/conv1__print__;__bias_correction_sum:[2][29 -1180 590]       batches, and their exact sum
    ;conv1_eightbit_requant_range__print__;__histogram:[-8][-3][1 0 7]                     exponent, first bin, counts
    ;calibration__print__;__examples:[0][40]                                               the examples behind the log
    ;calibration__print__;__missing_examples:[40][80]                                      those of a shard that failed
    ;calibration__print__;__records:[0]                                                    a log of octavo's begins,
    ;calibration__print__;__records:[1234]                                                 and ends with so many records

The first is Intel's. Of the others, octavo writes those from __bias_correction_sum on; readers that look for a mark of
their own pass them over. Every log that octavo writes begins and ends with __records, so that one that is cut off is
told from a whole one; logs of other programs have none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import repeat

import numpy as np

from octavo.errors import CalibrationError
from octavo.graph.tensors import Array
from octavo.ranges.exact_sum import ExactSum
from octavo.ranges.histogram import Histogram

PRINT = "__print__"
"""What the name of a Print adds to that of the node that it prints."""

MARK = "__requant_min_max:"
"""The message that the logged graph's Print nodes carry behind the node's name."""

CORRECTION_MARK = "__bias_correction:"
"""The message of a Print node behind a bias correction."""

SUM_MARK = "__bias_correction_sum:"
HISTOGRAM_MARK = "__histogram:"
EXAMPLES_MARK, MISSING_MARK = "__examples:", "__missing_examples:"
COUNT_MARK = "__records:"
MAX_MARK, MIN_MARK = "__max:", "__min:"
RANGE_MAX_MARK, RANGE_MIN_MARK = "__requant_max:", "__requant_min:"

SINGLE_MARKS = (MAX_MARK, MIN_MARK, RANGE_MAX_MARK, RANGE_MIN_MARK)
"""The marks of records that hold one end of a range."""

MARKS = (MARK, CORRECTION_MARK, SUM_MARK, HISTOGRAM_MARK, EXAMPLES_MARK, MISSING_MARK, COUNT_MARK, *SINGLE_MARKS)

WHOLE = "calibration"
"""What stands for the node in records about the log as a whole."""

RANGES_AT_ONCE = 1 << 16
"""How many ranges are turned into text at a time: each takes a few hundred bytes meanwhile."""

NUMBER = r"[+-]?(?:\d++\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
"""Digits can be read in one way only, so that a line takes time by its length and not by its powers."""

BATCH = r"\d{1,18}"
_NOT_FINITE = r"[+-]?(?:[nN][aA][nN](?:\(\w*\))?|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?)"
_NUMBERS = rf"(?:{NUMBER}|{_NOT_FINITE})(?: (?:{NUMBER}|{_NOT_FINITE}))*"
_RECORD = re.compile(
    rf"(?:\bbatch=(?P<batch>{BATCH}) )?;(?P<node>[^;\[\]\s]+){PRINT};(?P<mark>{'|'.join(MARKS)})"
    rf"(?P<groups>(?:\[{_NUMBERS}\])+)",
    re.ASCII,
)


class Found:
    """A record that a line holds.

    Args:
        match: where its pattern matched.
    """

    def __init__(self, match: re.Match[str]) -> None:
        self.node: str = match["node"]
        self.mark: str = match["mark"]
        self.batch = -1 if match["batch"] is None else int(match["batch"])
        self.groups: list[str] = match["groups"][1:-1].split("][")

    def numbers(self, group: int) -> Array:
        """The float32 numbers of a bracket; they may be NaN or infinite."""
        numbers = [float(text.partition("(")[0]) for text in self.groups[group].split(" ")]
        with np.errstate(over="ignore"):
            return np.array(numbers, np.float64).astype(np.float32) + np.float32(0)

    def integers(self, group: int) -> list[int]:
        """The integers of a bracket.

        Raises:
            ValueError: when one is none.
        """
        return [int(text) for text in self.groups[group].split(" ")]


def find_records(line: str) -> Iterator[Found]:
    """Every record of a line whose brackets hold numbers and are not cut off."""
    for match in _RECORD.finditer(line):
        if not line.startswith("[", match.end()):
            yield Found(match)


def count_marks(line: str) -> int:
    """How many records a line seems to hold."""
    return sum(line.count(mark) for mark in MARKS)


def format_record(node: str, low: float, high: float, batch: int = -1) -> str:
    """One range, without a line's end; the numbers read back as the same float32."""
    return f"{_of_batch(batch)}{record_prefix(node)}[{format_number(low)}][{format_number(high)}]"


def format_correction(node: str, values: Iterable[float]) -> str:
    """One bias correction, without a line's end: a number for each output channel."""
    return f"{record_prefix(node, CORRECTION_MARK)}[{' '.join(map(format_number, values))}]"


def format_sum(node: str, total: ExactSum) -> str:
    """A sum of bias corrections, without a line's end: how many, and a number of units for each output channel."""
    return f"{record_prefix(node, SUM_MARK)}[{total.count}][{' '.join(map(str, total.units()))}]"


def format_histogram(node: str, histogram: Histogram) -> str:
    """A histogram, without a line's end: the bins' exponent, the first bin, and the counts."""
    counts = " ".join(map(str, histogram.counts.tolist()))
    return f"{record_prefix(node, HISTOGRAM_MARK)}[{histogram.exponent}][{histogram.first}][{counts}]"


def format_examples(start: int, stop: int, *, missing: bool = False) -> str:
    """Which examples a log is of, or lacks, without a line's end."""
    return f"{record_prefix(WHOLE, MISSING_MARK if missing else EXAMPLES_MARK)}[{start}][{stop}]"


def format_count(records: int) -> str:
    """How many records stand above in a log, without a line's end: 0 where it begins, all where it ends."""
    return f"{record_prefix(WHOLE, COUNT_MARK)}[{records}]"


def counted(records: Iterable[str]) -> Iterator[str]:
    """Records, each a line with its end, as a whole log: with the lines where it begins and ends; none stay none."""
    number = 0
    for record in records:
        if not number:
            yield format_count(0) + "\n"
        yield record
        number += 1
    if number:
        yield format_count(number) + "\n"


def format_ranges(node: str, lows: Array, highs: Array, batches: Array) -> Iterator[str]:
    """A line for each of many ranges of one node.

    Args:
        node: the node.
        lows: float32 [n].
        highs: float32 [n].
        batches: int32 or int64 [n], each range's batch, -1 where it is not known.
    """
    prefix = record_prefix(node)
    for start in range(0, len(lows), RANGES_AT_ONCE):
        part = slice(start, start + RANGES_AT_ONCE)
        known = np.any(batches[part] >= 0)
        heads = (f"{_of_batch(batch)}{prefix}" for batch in batches[part].tolist()) if known else repeat(prefix)
        ends = zip(heads, format_numbers(lows[part]), format_numbers(highs[part]), strict=False)
        yield from [f"{head}[{low}][{high}]\n" for head, low, high in ends]


def format_batches(nodes: Sequence[str], lows: Array, highs: Array, batches: Sequence[int]) -> Iterator[str]:
    """A line for the range of each node in each of some batches, batch by batch.

    Args:
        nodes: n nodes.
        lows: float32 [batches, n].
        highs: float32 [batches, n].
        batches: each batch's number, -1 where it is not known.
    """
    heads = (f"{_of_batch(batch)}{record_prefix(node)}" for batch in batches for node in nodes)
    ends = zip(format_numbers(lows.ravel()), format_numbers(highs.ravel()), strict=True)
    for head, (low, high) in zip(heads, ends, strict=True):
        yield f"{head}[{low}][{high}]\n"


@lru_cache(maxsize=4096)
def record_prefix(node: str, mark: str = MARK) -> str:
    """What a record of a node begins with: the message of its Print node.

    Raises:
        CalibrationError: when the name holds a character that the log's grammar uses.
    """
    if not re.fullmatch(r"[^;\[\]\s]+", node, re.ASCII):
        raise CalibrationError(f"the node name {node!r} cannot be logged: it holds a blank, ';', '[' or ']'")
    return f";{node}{PRINT};{mark}"


def logged_node(message: str, mark: str = MARK) -> str | None:
    """The node that a Print's message names, or None when the message is not that of a record of this kind."""
    found = re.search(rf";([^;\[\]\s]+){PRINT};{mark}$", message, re.ASCII)
    return found[1] if found else None


@lru_cache(maxsize=1024)
def format_number(value: float) -> str:
    """A float32 as Print writes it: six digits where they are enough to read it back, else nine."""
    number = as_float32(value)
    short = f"{number:.6g}"
    return short if as_float32(short) == number else f"{number:.9g}"


def format_numbers(values: Array) -> list[str]:
    """Many float32 numbers as `format_number` writes them."""
    numbers = values.astype(np.float64) + 0.0
    texts = _printed("%.9g\n", numbers)
    places = np.flatnonzero(_may_be_short(values))
    short = _printed("%.6g\n", numbers[places])
    with np.errstate(over="ignore"):
        enough = np.array(list(map(float, short)), np.float64).astype(np.float32) == values[places]
    for at in np.flatnonzero(enough):
        texts[places[at]] = short[at]
    return texts


def _printed(form: str, numbers: Array) -> list[str]:
    """Each number in a form that ends its line."""
    return (form * len(numbers) % tuple(numbers.tolist())).split("\n")[:-1]


def as_float32(value: float | str) -> float:
    """The nearest float32, as a Python float; negative zero becomes zero."""
    with np.errstate(over="ignore"):
        return float(np.float32(value)) + 0.0


def _of_batch(batch: int) -> str:
    return "" if batch < 0 else f"batch={batch} "


def _may_be_short(values: Array) -> Array:
    """Whether each number may be one of six digits: True for all that are, and a few more."""
    numbers = values.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scale = np.power(10.0, 5 - np.floor(np.log10(np.abs(numbers))))
        short = np.rint(numbers * scale) / scale
        near = np.abs(short - numbers) <= np.abs(numbers) * 1.0e-7
    return np.asarray(near | ~np.isfinite(short) | (np.abs(numbers) < 1e-30))
