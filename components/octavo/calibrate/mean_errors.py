"""What rounding an op's weights takes from its output channels, of the mean of its data.

    correction = Mean(op(Mean(x, batch), error), positions)

An op is linear in its data: the mean of its outputs over all positions is its output for the mean window, the mean of
what its filter covers at each position. For filters [kh, kw] that is

    window[i, j] = sum over h, w of rows[i, h] * mean[h, w] * columns[j, w],   correction = window . error

with rows[i, h] the share of the output's rows that read the input's row h by the filter's row i, and columns alike:
two small products in the place of a convolution. They are NumPy's, which adds in one order on any number of cores.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from octavo.graph.graph import Node
from octavo.graph.tensors import Array
from octavo.int8.padding import same_padding

OPS = frozenset({"Conv2D", "DepthwiseConv2dNative", "MatMul"})


@dataclass(frozen=True)
class MeanError:
    """The bias correction of an op, made of the mean of its data.

    Args:
        op: one of `OPS` that reads data and rounding errors, with all its attributes.
        data: the tensor that holds the data's mean over the batch, float32, first dimension 1.
        error: the rounding errors, float32 of the weights' shape.
        padding: the zeros before and behind each axis of the data that the op reads and the mean lacks,
            int [rank, 2].
    """

    op: Node
    data: str
    error: Array
    padding: Array | None = None

    def of(self, mean: Array) -> Array:
        """The correction, float32 [output channels]."""
        if self.padding is not None:
            mean = np.pad(mean, self.padding)
        if self.op.op == "MatMul":
            matrix = self.error.T if self.op.flag("transpose_b") else self.error
            return np.asarray(np.einsum("bk,ko->o", mean, matrix))
        window = self._window(mean[0])
        if self.op.op == "DepthwiseConv2dNative":
            return np.asarray(np.einsum("ijc,ijcm->cm", window, self.error)).reshape(-1)
        height, width, channels, made = self.error.shape
        groups = window.shape[2] // channels
        taps = window.reshape(height * width, groups, channels)
        errors = self.error.reshape(height * width, channels, groups, made // groups)
        return np.asarray(np.einsum("tgc,tcgo->go", taps, errors)).reshape(-1)

    def mapped(self, file: Path) -> MeanError:
        """The same with its errors in a file, that memory need not hold them."""
        np.save(file, self.error)
        return replace(self, error=np.load(file, mmap_mode="r"))

    def _window(self, image: Array) -> Array:
        """The mean window, float32 [filter's height, filter's width, channels], of an image in the op's layout."""
        channels_first = self.op.text("data_format") == "NCHW"
        spatial = (2, 3) if channels_first else (1, 2)
        rows, columns = (
            _shares_along(self.op, axis, image.shape[axis - 1], taps)
            for axis, taps in zip(spatial, self.error.shape[:2], strict=True)
        )
        lines = np.einsum("ih,hwc->iwc", rows, np.moveaxis(image, 0, 2) if channels_first else image)
        return np.asarray(np.einsum("jw,iwc->ijc", columns, lines))


@lru_cache(maxsize=1024)
def shares(size: int, taps: int, stride: int, dilation: int, padding: tuple[int, int]) -> Array:
    """Which share of a conv's positions reads each place of its input by each tap of its filter, along one axis.

    Args:
        size: the input's.
        taps: the filter's.
        stride: between positions.
        dilation: between taps.
        padding: before and behind the input.

    Returns:
        float32 [taps, size]; a row's sum is 1 but for what the padding takes.
    """
    positions = (size + sum(padding) - ((taps - 1) * dilation + 1)) // stride + 1
    share = np.zeros((taps, size), np.float32)
    for tap in range(taps):
        places = np.arange(positions) * stride + tap * dilation - padding[0]
        np.add.at(share[tap], places[(places >= 0) & (places < size)], np.float32(1 / positions))
    return share


def _shares_along(op: Node, axis: int, size: int, taps: int) -> Array:
    """The shares of an op along an axis of its data."""
    stride, dilation = op.integers("strides")[axis], op.integers("dilations")[axis]
    padding = (0, 0)
    if op.text("padding") == "EXPLICIT":
        before, behind = op.integers("explicit_paddings")[2 * axis : 2 * axis + 2]
        padding = (before, behind)
    elif op.text("padding") == "SAME":
        padding = same_padding(size, taps, stride, dilation)
    return shares(size, taps, stride, dilation, padding)
