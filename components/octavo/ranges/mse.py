"""The range of the least squared error: what rounding adds within it against what clipping takes beyond it."""

from __future__ import annotations

import numpy as np

from octavo.graph.tensors import Array
from octavo.ranges.bins import Bins, bins_of
from octavo.ranges.evidence import Evidence
from octavo.ranges.percentile import clipped
from octavo.recipe import Calibration

STEPS = {"unsigned": 255, "shifted": 255, "signed": 127}
"""Steps between the codes of [0, high], [low, high] and [0, high] of the magnitudes."""

SHARES = np.linspace(0.2, 1.0, 161)
"""Where the range may end, as parts of the largest value."""


def mse(evidence: Evidence, _settings: Calibration) -> tuple[float, float]:
    """The range, among those that end at `SHARES` of the extremes, whose codes are nearest to the values.

    sum over bins of count * (value - code's value)**2 is least; of equals the widest. For shifted codes the high end is
    settled first, then the low one.
    """
    low, high = evidence.extremes()
    bins = bins_of(evidence.counted(), evidence.codes)
    steps = STEPS[evidence.codes]
    if evidence.codes != "shifted" or low >= 0 or high <= 0:
        magnitude = max(-low, high)
        return clipped(evidence, _best([(0.0, share * magnitude) for share in SHARES], bins, steps)[1])
    _, high = _best([(low, share * high) for share in SHARES], bins, steps)
    return _best([(share * low, high) for share in SHARES], bins, steps)


def _best(ranges: list[tuple[float, float]], bins: Bins, steps: int) -> tuple[float, float]:
    values = bins.centres()
    errors = [squared_error(values, bins.counts, *ends, steps) for ends in ranges]
    return ranges[len(errors) - 1 - int(np.argmin(errors[::-1]))]


def squared_error(values: Array, counts: Array, low: float, high: float, steps: int) -> float:
    """What storing values, float64 [n], that occur `counts` times, in steps from low to high costs in squares."""
    step = max((high - low) / steps, 1e-30)
    stored = np.clip(np.rint((values - low) / step), 0, steps) * step + low
    return float(np.dot(counts, np.square(values - stored)))
