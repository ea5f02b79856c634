"""An image's conv that moves by two columns, as one on pairs of columns.

The kernels multiply channels in fours, of which an image has three; two neighbours have six of eight. Neighbours in a
row lie one behind the other, so that to see them as one moves nothing, and a step of two columns is one of a pair:

    conv(x, f, strides [s, 2])  =  conv(Reshape(x, [-1, h, w / 2, 2 c]), pairs(f), strides [s, 1])

Both add the same products of whole numbers, so that their codes are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from octavo.graph.attrs import DType
from octavo.graph.graph import Node
from octavo.graph.tensors import Array, const_node
from octavo.int8.ops import Codes, Window
from octavo.int8.padding import same_padding
from octavo.runtime.shapes import Shape

MOST_CHANNELS = 3
"""Of four and more channels none is wasted, and pairs of them are not faster."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """What a conv kernel reads of pairs of columns, and the nodes that make it."""

    nodes: list[Node]
    data: Codes
    filters: Codes
    window: Window


def may_pair(window: Window, filters: tuple[int, ...]) -> bool:
    """Whether a conv with filters [height, width, channels, made] gains from pairs."""
    steps = window.strides[2] == 2 and set(window.dilations) == {1}
    return steps and filters[1] > 1 and filters[2] <= MOST_CHANNELS


def in_pairs(name: str, data: Codes, shape: Shape, filters: Codes, filter_codes: Array, window: Window) -> Pairs | None:
    """What the conv named `name` reads on pairs of columns.

    Args:
        name: the conv's.
        data: its data.
        shape: the data's, [batch, height, width, channels].
        filters: its filters.
        filter_codes: their codes, int8 [height, width, channels, made].
        window: where it looks.

    Returns:
        None where the width is odd, or a size besides the batch's unknown.
    """
    if shape is None or None in shape[1:]:
        return None
    height, width, channels = (size or 0 for size in shape[1:])
    if width % 2:
        return None
    rows = _padding(window, 1, height, filter_codes.shape[0])
    left, right = _padding(window, 2, width, filter_codes.shape[1])
    before, taps = -(-left // 2), -(-(left % 2 + filter_codes.shape[1]) // 2)
    positions = (left + width + right - filter_codes.shape[1]) // 2 + 1
    behind = positions - 1 + taps - before - width // 2
    pairs = f"{name}_pairs"
    size = const_node(f"{pairs}_shape", np.array([-1, height, width // 2, 2 * channels], np.int32))
    view = {"T": DType(data.dtype), "Tshape": DType("int32")}
    made = const_node(f"{pairs}_filter", _paired(filter_codes, left % 2, taps), filters.dtype)
    return Pairs(
        [size, Node(pairs, "Reshape", (data.tensor, size.name), view), made],
        replace(data, tensor=pairs),
        replace(filters, tensor=made.name),
        Window((1, window.strides[1], 1, 1), "VALID", pads=(0, 0, *rows, before, behind, 0, 0)),
    )


def _paired(codes: Array, first: int, taps: int) -> Array:
    """Filters [height, pairs, 2 channels, made], whose first column stands at `first` in its pair."""
    height, width, channels, made = codes.shape
    columns = np.zeros((height, 2 * taps, channels, made), codes.dtype)
    columns[:, first : first + width] = codes
    return columns.reshape(height, taps, 2 * channels, made)


def _padding(window: Window, axis: int, size: int, taps: int) -> tuple[int, int]:
    if window.pads:
        return window.pads[2 * axis], window.pads[2 * axis + 1]
    return same_padding(size, taps, window.strides[axis]) if window.padding == "SAME" else (0, 0)
