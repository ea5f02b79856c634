"""The range that keeps most of the values' distribution: least relative entropy (Kullback-Leibler divergence).

S. Migacz, 8-bit inference with TensorRT, 2017. For a threshold after n bins:

    p = the first n counts; what lies beyond is added to the last of them, where clipping puts it
    q = the first n counts alone, in as many groups as there are codes, each group's sum spread over those of its bins
        that p does not have empty
    divergence = sum of p * log(p / q), both scaled to 1

q must not see the values beyond the threshold, or clipping would cost nothing. A threshold whose q is empty where p is
not is none, so that each is drawn in to the next bin that holds something. The first bin, where a Relu puts all its
zeros, counts as its neighbour does: zeros are exact in any range.
"""

from __future__ import annotations

import numpy as np

from octavo.graph.tensors import Array
from octavo.ranges.bins import bins_of
from octavo.ranges.evidence import Evidence
from octavo.ranges.percentile import clipped
from octavo.recipe import Calibration

GROUPS = {"unsigned": 256, "shifted": 256, "signed": 128}
"""Codes of [0, high], [low, high] and [0, high] of the magnitudes."""

CANDIDATES = 160
"""Thresholds that are tried, at most."""


def kl(evidence: Evidence, _settings: Calibration) -> tuple[float, float]:
    """The range of the least divergence; of equals the widest. Shifted codes are cut by the same share at both ends."""
    low, high = evidence.extremes()
    bins = bins_of(evidence.counted(), evidence.codes)
    groups, counts = GROUPS[evidence.codes], bins.counts.copy()
    if evidence.codes != "shifted" and len(counts) > 1:
        counts[0] = counts[1]
    below = -bins.first
    best, least = (0, len(counts)), np.inf
    for share in np.linspace(1.0, groups / len(counts), CANDIDATES) if len(counts) > groups else ():
        wide = below - round(share * below), below + round(share * (len(counts) - below))
        ends = _drawn_in(counts, *wide)
        found = divergence(counts, *ends, groups)
        if found < least:
            best, least = ends, found
    if evidence.codes == "shifted":
        return max(low, (best[0] + bins.first) * bins.width), min(high, (best[1] + bins.first) * bins.width)
    return clipped(evidence, best[1] * bins.width)


def _drawn_in(counts: Array, start: int, stop: int) -> tuple[int, int]:
    """The same bins without the empty ones at their ends; shifted codes' only, since the others begin at zero."""
    filled = np.flatnonzero(counts[start:stop])
    if not len(filled):
        return start, stop
    return (start + int(filled[0]) if start else 0), start + int(filled[-1]) + 1


def divergence(counts: Array, start: int, stop: int, groups: int) -> float:
    """What is lost of a distribution, float64 [bins], when the bins from `start` to `stop` share `groups` codes."""
    inside = counts[start:stop]
    if not len(inside) or not inside.any():
        return float("inf")
    clipped_to = inside.copy()
    clipped_to[0] += counts[:start].sum()
    clipped_to[-1] += counts[stop:].sum()
    filled = clipped_to > 0
    group = np.arange(len(inside)) * groups // len(inside)
    spread = np.bincount(group, inside, groups) / np.maximum(np.bincount(group, filled, groups), 1)
    p, q = clipped_to[filled] / clipped_to.sum(), spread[group][filled] / inside.sum()
    return float("inf") if np.any(q == 0) else float(np.dot(p, np.log(p / q)))
