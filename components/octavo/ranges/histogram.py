"""Histograms in fixed memory that add up exactly, whatever was counted first.

Bin i counts the values v with floor(v / 2**exponent) = i, for i from -2048 to 2047. The exponent is the smallest that
puts every value into such a bin, so it follows from the values alone. A bin of the next exponent holds just what two of
this one do: floor(i / 2). So a histogram follows from the multiset of its values, and adding is associative and
commutative to the bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from octavo.errors import CalibrationError
from octavo.graph.tensors import Array

BINS = 2048
"""Bins on either side of zero. Some 4 to 8 of them make one step of an 8-bit code."""

SMALLEST = -111
"""The smallest exponent."""

LARGEST = 128 - 11
"""The largest one, that of the largest float32."""

NOTHING = 2.0**-100
"""Values nearer to zero count as zero, so that it does not matter where a processor flushes denormal numbers."""

_BITS = BINS.bit_length() - 1

_WIDEST = 26
"""The largest exponent at which no value scaled in float32 is a denormal number."""

_BLOCK = 1 << 16
"""Values that are counted at a time: they stay in a processor's cache."""


@dataclass(frozen=True)
class Histogram:
    """How often values occur.

    Args:
        exponent: bins are 2**exponent wide.
        first: the index of the first bin.
        counts: int64, of consecutive bins; the first and the last are not zero.
    """

    exponent: int
    first: int
    counts: Array

    @classmethod
    def of(cls, values: Array) -> Histogram:
        """Count the values of a float32 array of any shape, which holds one at least.

        Raises:
            CalibrationError: when one is NaN or infinite.
        """
        flat = values.reshape(-1)
        low, high = float(flat.min()), float(flat.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise CalibrationError("values are NaN or infinite; wanted finite numbers")
        exponent = exponent_for(low, high)
        kind: type[np.floating[Any]] = np.float32 if exponent <= _WIDEST else np.float64
        scale: Any = kind(2.0**-exponent)
        counts = np.zeros(2 * BINS, np.int64)
        for start in range(0, len(flat), _BLOCK):
            block = flat[start : start + _BLOCK]
            if low < 0:
                block = np.where((block < 0) & (block > -NOTHING), np.float32(0), block)
            places = np.floor(block.astype(kind, copy=False) * scale).astype(np.int64)
            places += BINS
            counts += np.bincount(places, minlength=2 * BINS)
        return cls.trimmed(exponent, -BINS, counts)

    @classmethod
    def trimmed(cls, exponent: int, first: int, counts: Array) -> Histogram:
        """The histogram of these counts without the empty bins at their ends; some count is not zero."""
        filled = np.flatnonzero(counts)
        return cls(exponent, first + int(filled[0]), counts[filled[0] : filled[-1] + 1].astype(np.int64))

    @classmethod
    def read(cls, exponent: int, first: int, counts: Sequence[int]) -> Histogram:
        """The histogram that a log says.

        Raises:
            ValueError: when there can be none such.
        """
        inside = SMALLEST <= exponent <= LARGEST and -BINS <= first <= first + len(counts) <= BINS
        if not inside or min(counts) < 0 or not (counts[0] and counts[-1]):
            raise ValueError(f"no histogram has {len(counts)} bins from {first} on, 2**{exponent} wide")
        return cls(exponent, first, np.array(counts, np.int64))

    def __add__(self, other: Histogram) -> Histogram:
        exponent = max(self.exponent, other.exponent)
        one, two = self.widened(exponent), other.widened(exponent)
        first = min(one.first, two.first)
        counts = np.zeros(max(one.first + len(one.counts), two.first + len(two.counts)) - first, np.int64)
        for part in (one, two):
            counts[part.first - first : part.first - first + len(part.counts)] += part.counts
        return Histogram(exponent, first, counts)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        ends = (self.exponent, self.first) == (other.exponent, other.first)
        return ends and np.array_equal(self.counts, other.counts)

    def __hash__(self) -> int:
        return hash((self.exponent, self.first, self.counts.tobytes()))

    def widened(self, exponent: int) -> Histogram:
        """The same values in wider bins."""
        doublings = exponent - self.exponent
        if doublings == 0:
            return self
        places = (np.arange(len(self.counts)) + self.first) >> doublings
        counts = np.zeros(int(places[-1] - places[0]) + 1, np.int64)
        np.add.at(counts, places - places[0], self.counts)
        return Histogram(exponent, int(places[0]), counts)

    def edges(self) -> Array:
        """The bins' ends, float64 [bins + 1], ascending."""
        return np.ldexp(np.arange(len(self.counts) + 1, dtype=np.float64) + self.first, self.exponent)


def exponent_for(low: float, high: float) -> int:
    """The smallest exponent whose bins hold the values from `low` to `high`, float32 numbers."""
    exponent = SMALLEST
    if high > 0:  # high < 2**frexp(high)[1], and 2048 bins end at 2**(exponent + 11)
        exponent = max(exponent, int(np.frexp(high)[1]) - _BITS)
    if low < 0:
        fraction, above = np.frexp(-low)  # a power of two itself fits: the first bin begins there
        exponent = max(exponent, int(above) - _BITS - int(fraction == 0.5))
    return exponent
