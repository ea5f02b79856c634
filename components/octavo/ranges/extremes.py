"""Ranges that follow from the extremes of the batches."""

from __future__ import annotations

import math

import numpy as np

from octavo.errors import CalibrationError
from octavo.graph.tensors import Array
from octavo.ranges.evidence import Evidence
from octavo.recipe import Calibration

Range = tuple[float, float]


def order_statistic(evidence: Evidence, settings: Calibration) -> Range:
    """A percentile of the batches' smallest values, and one, counted from the top, of their largest.

    Of n smallest values in ascending order the one at round(n * min_percentile / 100), of n largest ones that at
    round(n * (1 - max_percentile / 100)), in float32 and rounded half away from zero. With 5 and 5 that is the smallest
    for n < 10, and the largest for n < 31.
    """
    ranges = evidence.ranges
    return order_statistics(ranges.lows, ranges.highs, settings.min_percentile, settings.max_percentile)


def order_statistics(lows: Array, highs: Array, min_percentile: float, max_percentile: float) -> Range:
    """The order statistics of some extremes, float32 [n] each; see `order_statistic`."""
    count = np.float32(len(lows))
    low_at = _rounded(count * (np.float32(min_percentile) / np.float32(100)))
    high_at = _rounded(count * (np.float32(1) - np.float32(max_percentile) / np.float32(100)))
    last = len(lows) - 1
    return float(np.sort(lows)[min(low_at, last)]), float(np.sort(highs)[min(high_at, last)])


def min_max(evidence: Evidence, _settings: Calibration) -> Range:
    """The smallest and the largest value of all."""
    return evidence.extremes()


def moving_average(evidence: Evidence, settings: Calibration) -> Range:
    """The average m = (1 - smoothing) * m + smoothing * x over the batches in the data set's order, from the first x.

    In float64. The result depends on the order, so that each batch must say its place.

    Raises:
        CalibrationError: when the log does not say which batch a range is of, or has a batch twice.
    """
    ranges = evidence.ranges.sorted()
    if ranges.batches[0] < 0 or np.any(np.diff(ranges.batches) == 0):
        raise CalibrationError(
            f"the log does not say once for each range of {evidence.node!r} which batch it is of; moving_average wants "
            "records like `batch=7 ;NODE__print__;...`, which `octavo calibrate` writes when its recipe names it"
        )
    ends = []
    for values in (ranges.lows, ranges.highs):
        average = float(values[0])
        for value in values[1:].tolist():
            average = (1 - settings.smoothing) * average + settings.smoothing * value
        ends.append(average)
    return ends[0], ends[1]


def _rounded(value: np.float32) -> int:
    """The nearest integer, halves away from zero; the value is not negative."""
    return math.floor(float(value) + 0.5)
