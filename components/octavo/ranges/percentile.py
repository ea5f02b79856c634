"""The range that holds a given share of all values."""

from __future__ import annotations

import numpy as np

from octavo.ranges.bins import bins_of
from octavo.ranges.evidence import Evidence
from octavo.recipe import Calibration


def percentile(evidence: Evidence, settings: Calibration) -> tuple[float, float]:
    """The narrowest range of whole bins that lacks no more than 100 - percentile percent of the values.

    Codes with zero at an end lose values at the other; shifted ones may lose half that share at either end. The range
    is never wider than the values are.
    """
    low, high = evidence.extremes()
    bins = bins_of(evidence.counted(), evidence.codes)
    outside = bins.counts.sum() * (1 - settings.percentile / 100)
    if evidence.codes == "shifted":
        below = np.searchsorted(np.cumsum(bins.counts), outside / 2, side="right")
        low = max(low, (bins.first + int(below)) * bins.width)
        outside /= 2
    above = np.searchsorted(np.cumsum(bins.counts[::-1]), outside, side="right")
    edge = (bins.first + len(bins.counts) - int(above)) * bins.width
    return (low, min(high, edge)) if evidence.codes == "shifted" else clipped(evidence, edge)


def clipped(evidence: Evidence, magnitude: float) -> tuple[float, float]:
    """The extremes, cut off at a magnitude."""
    low, high = evidence.extremes()
    return max(low, -magnitude), min(high, magnitude)
