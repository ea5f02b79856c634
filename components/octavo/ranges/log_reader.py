"""Reading a min/max log, a block of lines at a time, into columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np

from octavo.errors import CalibrationError
from octavo.graph.tensors import Array
from octavo.ranges.exact_sum import ExactSum
from octavo.ranges.histogram import Histogram
from octavo.ranges.log_records import (
    BATCH,
    CORRECTION_MARK,
    COUNT_MARK,
    EXAMPLES_MARK,
    HISTOGRAM_MARK,
    MARK,
    MISSING_MARK,
    NUMBER,
    PRINT,
    RANGE_MAX_MARK,
    RANGE_MIN_MARK,
    SINGLE_MARKS,
    SUM_MARK,
    Found,
    count_marks,
    find_records,
)

NO_RECORD = "no record in it"
DAMAGED = "a damaged record"
REVERSED = "a range whose minimum is above its maximum"

_REST = rf";([^;\[\]\s]+){PRINT};{MARK}\[({NUMBER})\]\[({NUMBER})\][^;\[\n]*\n"

_ALONE = re.compile(rf"^(?:batch=({BATCH}) |[^;\n]*){_REST}".encode(), re.MULTILINE)
"""A line with one range and nothing that might be another record; a batch's number stands first where there is one."""

_PREFIXED = re.compile(rf"^(?:[^;\n]*\bbatch=({BATCH}) |[^;\n]*){_REST}".encode(), re.MULTILINE)
"""The same with a batch's number behind a prefix, which takes longer to look for."""

_NUMBER_BEHIND_PREFIX = re.compile(rb"[^\n]\bbatch=\d")


class LogReader:
    """What the blocks of a log hold; what is no record is counted.

    Attributes:
        skipped: why -> how many lines or records were passed over.
        refused: node -> how many of its records held NaN or infinity.
        corrections: node -> the sum of its bias corrections.
        histograms: node -> its histogram.
        singles: mark -> node -> the numbers of its records.
        examples: start, stop and whether they are missing.
    """

    def __init__(self) -> None:
        self.skipped: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.corrections: dict[str, ExactSum] = {}
        self.histograms: dict[str, Histogram] = {}
        self.singles: dict[str, dict[str, list[float]]] = {}
        self.examples: list[tuple[int, int, bool]] = []
        self._records = 0
        self._begun: int | None = None  # how many records stand above the beginning of a log that has not ended
        self._numbers: dict[bytes, int] = {}  # node -> its number in the columns
        self._columns: tuple[list[Array], ...] = ([], [], [], [])  # node, batch, low, high, a block each

    def read(self, block: bytes) -> None:
        """Read some whole lines; bytes that are no UTF-8 become U+FFFD.

        Raises:
            CalibrationError: when a log of octavo's is found not to be whole.
        """
        if not block.isascii():
            block = block.decode(errors="replace").encode()
        for lines in _parted(block):
            if COUNT_MARK.encode() in lines:
                self._read_line(lines[:-1].decode())
            else:
                self._read_lines(lines)

    def check_end(self) -> None:
        """Confirm that the log that began last has ended. Raises CalibrationError when it has not."""
        if self._begun is not None:
            raise CalibrationError(
                f"the min/max log is cut off: it begins, holds {self._records - self._begun} records, and no line says "
                "that these are all (copy it again, or calibrate again)"
            )

    def ranges(self) -> Iterator[tuple[str, tuple[Array, Array, Array]]]:
        """Each node's ranges in their order: lows, highs and batches, as `Ranges` holds them; to be called once."""
        self._pair_ends()
        if not self._columns[0]:
            return
        nodes = _taken(self._columns[0])
        order = np.argsort(nodes, kind="stable").astype(np.int32 if len(nodes) < 2**31 else np.int64)
        ends = np.cumsum(np.bincount(nodes, minlength=len(self._numbers))).tolist()
        del nodes
        batches, lows, highs = (_taken(column)[order] for column in self._columns[1:])
        for name, start, stop in zip(self._numbers, [0, *ends][:-1], ends, strict=True):
            if start < stop:
                yield name.decode(), (lows[start:stop], highs[start:stop], batches[start:stop])

    def _read_lines(self, lines: bytes) -> None:
        prefixed = b"batch=" in lines and _NUMBER_BEHIND_PREFIX.search(lines)
        parts = (_PREFIXED if prefixed else _ALONE).split(lines)
        lows = np.array(list(map(float, parts[3::5])), np.float64)
        highs = np.array(list(map(float, parts[4::5])), np.float64)
        batches = [-1 if batch is None else int(batch) for batch in parts[1::5]]
        self._add(parts[2::5], np.array(batches, np.int64), lows, highs)
        self._records += len(lows)
        for line in b"".join(parts[::5]).split(b"\n")[:-1]:
            self._read_line(line.decode())

    def _add(self, names: list[bytes], batches: Array, lows: Array, highs: Array) -> None:
        """Take in ranges: those that are upside down are skipped, those that are not finite refused."""
        with np.errstate(over="ignore"):
            lows, highs = lows.astype(np.float32) + np.float32(0), highs.astype(np.float32) + np.float32(0)
        numbers = self._numbers
        for name in dict.fromkeys(names):
            numbers.setdefault(name, len(numbers))
        nodes = np.array([numbers[name] for name in names], np.int32)
        finite = np.isfinite(lows) & np.isfinite(highs)
        for place in np.flatnonzero(~finite):
            self.refused[names[place].decode()] += 1
        reversed_ = finite & (lows > highs)
        self.skipped.update({REVERSED: int(count)} if (count := np.count_nonzero(reversed_)) else {})
        good = finite & ~reversed_
        batches = batches.astype(np.int32 if batches.max(initial=0) < 2**31 else np.int64)
        for column, values in zip(self._columns, (nodes, batches, lows, highs), strict=True):
            column.append(values[good])

    def _read_line(self, line: str) -> None:
        found = list(find_records(line))
        marks = count_marks(line)
        if not marks:
            self.skipped[NO_RECORD] += 1
        taken = sum(self._take(record) for record in found)
        if marks > taken:
            self.skipped[DAMAGED] += marks - taken

    def _take(self, record: Found) -> bool:
        """Take in a record; False where its brackets are not those of its kind."""
        try:
            taken = self._take_whole(record)
        except (ValueError, OverflowError):
            return False
        self._records += taken and record.mark != COUNT_MARK
        return taken

    def _take_whole(self, record: Found) -> bool:
        counts = [group.count(" ") + 1 for group in record.groups]
        if record.mark == MARK and len(counts) == 2 and counts[0] == counts[1]:
            lows, highs = record.numbers(0), record.numbers(1)  # one number, or one for each channel
            self._add(
                [record.node.encode()], np.array([record.batch]), lows.min(keepdims=True), highs.max(keepdims=True)
            )
        elif record.mark in SINGLE_MARKS and counts == [1]:
            self._take_single(record)
        elif record.mark == CORRECTION_MARK and len(counts) == 1:
            self._take_correction(record)
        elif record.mark == SUM_MARK and len(counts) == 2 and counts[0] == 1:
            self._add_sum(record.node, ExactSum.of_units(record.integers(0)[0], record.integers(1)))
        elif record.mark == HISTOGRAM_MARK and len(counts) == 3 and counts[:2] == [1, 1]:
            (exponent,), (first,), bins = map(record.integers, range(3))
            made = Histogram.read(exponent, first, bins)
            held = self.histograms.get(record.node)
            self.histograms[record.node] = made if held is None else held + made
        elif record.mark in (EXAMPLES_MARK, MISSING_MARK) and counts == [1, 1]:
            self._take_examples(record.integers(0)[0], record.integers(1)[0], missing=record.mark == MISSING_MARK)
        elif record.mark == COUNT_MARK and counts == [1]:
            self._take_count(record.integers(0)[0])
        else:
            return False
        return True

    def _take_examples(self, start: int, stop: int, *, missing: bool) -> None:
        if self._begun is None:
            raise CalibrationError(
                f"the min/max log is of the examples {start} to {stop - 1}, but no line in front of that says that it "
                "begins: it is cut off there, or of an earlier octavo (calibrate again)"
            )
        self.examples.append((start, stop, missing))

    def _take_count(self, number: int) -> None:
        """A log begins here, or ends with so many records."""
        if number == 0:
            self.check_end()
            self._begun = self._records
            return
        if self._begun is None:
            raise CalibrationError(
                f"the min/max log is cut off: it ends after {number} records, and no line says where these begin (copy "
                "it again, or calibrate again)"
            )
        held = self._records - self._begun
        if held != number:
            raise CalibrationError(
                f"the min/max log is damaged: it holds {held} records, and its last line says {number} (copy it again, "
                "or calibrate again)"
            )
        self._begun = None

    def _take_single(self, record: Found) -> None:
        value = float(record.numbers(0)[0])
        if np.isfinite(value):
            self.singles.setdefault(record.mark, {}).setdefault(record.node, []).append(value)
        else:
            self.refused[record.node] += 1

    def _take_correction(self, record: Found) -> None:
        vector = record.numbers(0)
        if np.isfinite(vector).all():
            self._add_sum(record.node, ExactSum.of(vector))
        else:
            self.refused[record.node] += 1

    def _add_sum(self, node: str, total: ExactSum) -> None:
        held = self.corrections.get(node)
        try:
            self.corrections[node] = total if held is None else held + total
        except CalibrationError as fault:
            raise CalibrationError(f"the bias corrections of {node!r} do not fit together: {fault}") from fault

    def _pair_ends(self) -> None:
        """Make ranges of the ends that Neural Compressor's logs hold on lines of their own, in their order."""
        lows, highs = (self.singles.pop(mark, {}) for mark in (RANGE_MIN_MARK, RANGE_MAX_MARK))
        for node in sorted({*lows, *highs}):
            low, high = lows.get(node, []), highs.get(node, [])
            if len(low) != len(high):
                raise CalibrationError(
                    f"the min/max log has {len(low)} smallest and {len(high)} largest values of {node!r}; wanted as "
                    "many of both"
                )
            names = [node.encode()] * len(low)
            self._add(names, np.full(len(low), -1), np.minimum(0, np.array(low)), np.array(high))


def _parted(block: bytes) -> Iterator[bytes]:
    """Runs of whole lines; a line that may count records stands alone."""
    mark, start = COUNT_MARK.encode(), 0
    while (at := block.find(mark, start)) >= 0:
        begin, end = block.rfind(b"\n", start, at) + 1 or start, block.index(b"\n", at) + 1
        yield block[start:begin]
        yield block[begin:end]
        start = end
    yield block[start:]


def _taken(blocks: list[Array]) -> Array:
    """The blocks in one, which are then no longer held."""
    whole = np.concatenate(blocks)
    blocks.clear()
    return whole
