"""Sums of float32 vectors that come out the same in whatever order, and in whatever groups, they are added.

A number x becomes the whole number of units of 2**-70 next to it. Whole numbers add exactly. What lies below a unit,
some 1e-21, is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from octavo.errors import CalibrationError
from octavo.graph.tensors import Array

UNIT_BITS = 70
"""A unit is 2**-70."""

LARGEST = 2.0**40
"""Numbers must be below this."""

_LOW_BITS = 50
_HIGH_SCALE, _LOW_SCALE = 2.0 ** (UNIT_BITS - _LOW_BITS), 2.0**_LOW_BITS


@dataclass(frozen=True)
class ExactSum:
    """The sum of some vectors.

    Args:
        count: how many vectors.
        high: int64 [channels], the sum in units, rounded down to a multiple of 2**50, over 2**50.
        low: int64 [channels], the rest, in units, 0 to 2**50 - 1.
    """

    count: int
    high: Array
    low: Array

    @classmethod
    def of(cls, vector: Array) -> ExactSum:
        """The sum of one vector, float32 [channels].

        Raises:
            CalibrationError: when a number is too large.
        """
        numbers = np.asarray(vector, np.float64) * _HIGH_SCALE
        if np.any(np.abs(numbers) >= LARGEST * _HIGH_SCALE):
            raise CalibrationError(f"a number is {np.abs(vector).max():g}; sums are exact below {LARGEST:g}")
        high = np.floor(numbers)
        low = np.rint((numbers - high) * _LOW_SCALE)
        return cls._carried(1, high.astype(np.int64), low.astype(np.int64))

    @classmethod
    def of_units(cls, count: int, units: Iterable[int]) -> ExactSum:
        """The sum of `count` vectors whose channels add up to these numbers of units.

        Raises:
            ValueError: when there can be none such.
        """
        if count < 1:
            raise ValueError(f"there are no {count} vectors")
        whole = list(units)
        high = np.array([number >> _LOW_BITS for number in whole], np.int64)
        return cls(count, high, np.array([number & ((1 << _LOW_BITS) - 1) for number in whole], np.int64))

    def __len__(self) -> int:
        return len(self.high)

    def __add__(self, other: ExactSum) -> ExactSum:
        """Raises CalibrationError when the vectors are of other lengths."""
        if len(self) != len(other):
            raise CalibrationError(f"vectors of lengths {sorted((len(self), len(other)))}")
        return self._carried(self.count + other.count, self.high + other.high, self.low + other.low)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ExactSum):
            return NotImplemented
        same = np.array_equal(self.high, other.high) and np.array_equal(self.low, other.low)
        return self.count == other.count and same

    def __hash__(self) -> int:
        return hash((self.count, tuple(self.units())))

    def split(self, lengths: Sequence[int]) -> list[ExactSum]:
        """The sums of parts of the vectors, in turn, of so many channels each."""
        ends = np.cumsum(lengths)[:-1]
        pairs = zip(np.split(self.high, ends), np.split(self.low, ends), strict=True)
        return [ExactSum(self.count, high, low) for high, low in pairs]

    def units(self) -> list[int]:
        """The channels' sums in units."""
        return [(int(high) << _LOW_BITS) + int(low) for high, low in zip(self.high, self.low, strict=True)]

    def mean(self) -> Array:
        """The vectors' mean, float32 [channels]."""
        return np.array([units / (self.count << UNIT_BITS) for units in self.units()], np.float32)

    @classmethod
    def _carried(cls, count: int, high: Array, low: Array) -> ExactSum:
        return cls(count, high + (low >> _LOW_BITS), low & ((1 << _LOW_BITS) - 1))
