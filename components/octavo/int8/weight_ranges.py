"""The magnitude that the largest 8-bit code of weights stands for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np

from octavo.graph.tensors import Array

WeightAlgorithm = Literal["min_max", "percentile", "mse"]

STEPS = 127
SHARES = np.linspace(1.0, 0.5, 51)
"""Where the range may end, as parts of the largest magnitude."""


def weight_magnitudes(channels: Array, algorithm: WeightAlgorithm, percentile: float) -> Array:
    """The magnitude of each scale's largest code.

    Args:
        channels: float32 [scales, weights], the weights that share a scale.
        algorithm: how: see `octavo.recipe.Calibration.weights`.
        percentile: of percentile: how much of the magnitudes lies within the range, in percent.

    Returns:
        float32 [scales].
    """
    return np.asarray(_ALGORITHMS[algorithm](np.abs(channels), percentile), np.float32)


def _largest(magnitudes: Array, _percentile: float) -> Array:
    return np.asarray(np.max(magnitudes, axis=1, initial=0.0))


def _percentile(magnitudes: Array, percentile: float) -> Array:
    """The smallest magnitude that no more than 100 - percentile percent of the weights are above."""
    place = int(np.ceil(magnitudes.shape[1] * percentile / 100)) - 1
    return np.asarray(np.partition(magnitudes, max(place, 0), axis=1)[:, max(place, 0)])


def _least_squares(magnitudes: Array, percentile: float) -> Array:
    """The part of the largest magnitude whose codes are nearest to the weights; of equals the widest."""
    largest = _largest(magnitudes, percentile)
    best, least = largest.copy(), np.full(len(largest), np.inf)
    for share in SHARES:
        high = np.maximum(largest * np.float32(share), np.float32(1e-30))
        step = (high / STEPS)[:, None]
        stored = np.minimum(np.rint(magnitudes / step), STEPS) * step
        error = np.square(magnitudes - stored).sum(axis=1, dtype=np.float64)
        better = error < least
        best[better], least[better] = high[better], error[better]
    return best


_ALGORITHMS: Mapping[WeightAlgorithm, Callable[[Array, float], Array]] = {
    "min_max": _largest,
    "percentile": _percentile,
    "mse": _least_squares,
}
