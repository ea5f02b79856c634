"""How numbers become INT8 codes.

Weights are qint8, symmetric: code = round_half_even(127 * w / s) with s the largest magnitude of the channel (or of the
whole tensor), or what the recipe has in its place. Activations are quint8 in [0, high] where they cannot be negative,
quint8 in [low, high] where the kernel that produces them can shift them (`MIN_FIRST`), and narrow-range qint8 in
[-high, high] otherwise (`SCALED`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from octavo.errors import GraphError
from octavo.graph.tensors import Array
from octavo.int8.weight_ranges import WeightAlgorithm, weight_magnitudes

MIN_MAGNITUDE = 1e-6
"""Scales never fall below this: a channel of zeros would otherwise divide by zero."""


@dataclass(frozen=True, slots=True)
class QuantizedWeights:
    """Weights as codes: `codes` int8 of the weights' shape; `high` float32 [channels] or [], the magnitude of 127."""

    codes: Array
    high: Array

    @property
    def scale(self) -> Array:
        """The value of one code, float32, of the shape of `high`."""
        return np.asarray(self.high / np.float32(127), np.float32)


def quantize_weights(
    weights: Array,
    channel_axes: tuple[int, ...],
    *,
    per_channel: bool,
    algorithm: WeightAlgorithm = "min_max",
    percentile: float = 99.99,
) -> QuantizedWeights:
    """Round weights to symmetric 8-bit codes, half to even.

    Args:
        weights: float32, any shape.
        channel_axes: the axes that together number the output channels: (3,) for Conv2D's HWIO, (2, 3) for
            DepthwiseConv2dNative's HWCM, (1,) for MatMul's [in, out].
        per_channel: one scale for each output channel, or one for all.
        algorithm: which magnitude the code 127 stands for; larger weights are clipped.
        percentile: see `weight_magnitudes`.

    Raises:
        GraphError: when a weight is NaN or infinite.
    """
    if not np.all(np.isfinite(weights)):
        raise GraphError(f"{np.count_nonzero(~np.isfinite(weights))} of {weights.size} weights are NaN or infinite")
    axes = channel_axes if per_channel else ()
    channels = np.moveaxis(weights, axes, range(len(axes))).reshape(_size(weights, axes), -1)
    magnitude = np.maximum(weight_magnitudes(channels, algorithm, percentile), MIN_MAGNITUDE).astype(np.float32)
    magnitude = magnitude.reshape([n if a in axes else 1 for a, n in enumerate(weights.shape)])
    codes = np.clip(np.rint(weights.astype(np.float64) * 127.0 / magnitude), -127, 127).astype(np.int8)
    high = magnitude.reshape(-1) if per_channel else magnitude.reshape(())
    return QuantizedWeights(codes, high)


def _size(weights: Array, axes: tuple[int, ...]) -> int:
    return math.prod(weights.shape[axis] for axis in axes)
