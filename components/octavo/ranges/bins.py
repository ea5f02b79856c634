"""A histogram as the searches for a threshold take it: magnitudes of both signs together, or both ends apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from octavo.graph.tensors import Array
from octavo.ranges.evidence import Codes
from octavo.ranges.histogram import Histogram


@dataclass(frozen=True, slots=True)
class Bins:
    """Counts of consecutive bins.

    Attributes:
        counts: float64 [bins].
        width: of a bin.
        first: the first bin's low end, in bins; 0 but for shifted codes.
    """

    counts: Array
    width: float
    first: int

    def centres(self) -> Array:
        """The values that stand for the bins, float64 [bins]; 0 for the one with a Relu's zeros."""
        places = self.first + np.arange(len(self.counts), dtype=np.float64)
        return np.where(places == 0, 0.0, places + 0.5) * self.width


def bins_of(histogram: Histogram, codes: Codes) -> Bins:
    """The bins whose values these codes are to hold: of magnitudes where codes are the same on both sides of zero."""
    width = float(np.ldexp(1.0, histogram.exponent))
    places = histogram.first + np.arange(len(histogram.counts))
    if codes != "shifted":
        places = np.where(places < 0, -1 - places, places)
    first = min(int(places.min()), 0)
    counts = np.zeros(int(places.max()) + 1 - first, np.float64)
    np.add.at(counts, places - first, histogram.counts.astype(np.float64))
    return Bins(counts, width, first)
