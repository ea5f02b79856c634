"""Measure bias corrections on the mean of a conv's windows instead of on whole images.

    correction = Mean(op(Mean(x, batch), error), images and positions)

An op is linear in its data: the mean of its outputs over all positions is its output for the mean window, the mean of
what its filter covers at each position. For filters [kh, kw] that is

    window[i, j] = sum over h, w of rows[i, h] * x[h, w] * columns[j, w],   correction = op(window, error), VALID

with rows[i, h] the share of the output's rows that read the input's row h by the filter's row i, and columns alike: two
small products in the place of a convolution. Where rows[i, h] * columns[j, w] are few numbers, one product does it; a
conv of one window is one product, too. Convs whose input's size is not known stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from octavo.calibrate.float_weights import measured_op
from octavo.graph.attrs import Attrs, bool_attr, dtype_attr, int_list_attr, string_attr
from octavo.graph.graph import Graph, Node
from octavo.graph.op_defs import with_default_attrs
from octavo.graph.tensors import Array, const_node, const_value
from octavo.runtime.shapes import Shape, static_shapes

CONVS = frozenset({"Conv2D", "DepthwiseConv2dNative"})

FEW = 2**16
"""Shares that are held for every tap and position together: 256 KiB; of more, rows and columns are held apart."""


def with_window_means(graph: Graph, corrections: Iterable[str]) -> Graph:
    """The graph with the convs behind corrections done on mean windows; the numbers stay, up to float rounding."""
    ops = [op for name in corrections if (op := measured_op(graph, name)) is not None and op.op in CONVS]
    shapes = static_shapes(graph, [op.data_inputs[0] for op in ops]) if ops else {}
    made: dict[str, list[Node]] = {}
    for op in ops:
        if (nodes := _on_windows(graph, with_default_attrs(op), shapes)) is not None:
            made[op.name] = nodes
    kept = [node for node in graph.nodes.values() if node.name not in made]
    return graph.with_nodes([*kept, *(node for nodes in made.values() for node in nodes)])


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


def _on_windows(graph: Graph, op: Node, shapes: Mapping[str, Shape]) -> list[Node] | None:
    shape = shapes[op.data_inputs[0]]
    if op.attrs["data_format"].s != b"NHWC" or shape is None or len(shape) != 4 or None in shape[1:]:
        return None
    data, error = op.data_inputs
    taps = const_value(graph.nodes[error]).shape[:2]
    rows, columns = (
        shares(int(shape[axis] or 0), taps[axis - 1], *_geometry(op, axis, int(shape[axis] or 0), taps[axis - 1]))
        for axis in (1, 2)
    )
    image = (int(shape[1] or 0), int(shape[2] or 0), int(shape[3] or 0))
    window = _window(op.name, data, image, rows, columns)
    weights = const_value(graph.nodes[error])
    if op.op == "Conv2D" and weights.shape[2] == image[2]:
        return [*window, *_of_one_window(op.name, window[-1].name, error, (weights[..., 0].size, weights.shape[3]))]
    made = _reshaped(f"{op.name}_image", window[-1].name, (1, *taps, image[2]))
    return [*window, *made, replace(op, inputs=(made[-1].name, error), attrs=_at_one_position(op))]


def _window(stem: str, data: str, image: tuple[int, int, int], rows: Array, columns: Array) -> list[Node]:
    """The nodes that make the mean window, taps one after the other; the last one is it."""
    height, width, channels = image
    if rows.size * columns.size <= FEW:
        shares = np.einsum("ih,jw->ijhw", rows, columns).reshape(len(rows) * len(columns), height * width)
        made = _reshaped(f"{stem}_pixels", data, (height * width, channels))
        return [*made, *_product(f"{stem}_window", shares, made[-1].name)]
    lines = _reshaped(f"{stem}_rows", data, (height, width * channels))
    sums = _product(f"{stem}_row_sums", rows, lines[-1].name)
    apart = _reshaped(f"{stem}_columns", sums[-1].name, (len(rows), width, channels))
    columns = np.repeat(columns[None], len(rows), axis=0)
    return [*lines, *sums, *apart, *_product(f"{stem}_window", columns, apart[-1].name, op="BatchMatMulV2")]


def _of_one_window(name: str, window: str, error: str, shape: tuple[int, int]) -> list[Node]:
    """The conv of one window as a product; the last node has its name and its output's shape, [1, 1, 1, channels]."""
    taps, matrix = _reshaped(f"{name}_taps", window, (1, shape[0])), _reshaped(f"{name}_matrix", error, shape)
    product = _multiplied(f"{name}_flat", "MatMul", taps[-1].name, matrix[-1].name)
    return [*taps, *matrix, product, *_reshaped(name, product.name, (1, 1, 1, shape[1]))]


def _at_one_position(op: Node) -> Attrs:
    """The attributes of the same op at one position."""
    ones = int_list_attr((1, 1, 1, 1))
    return {
        **op.attrs,
        "strides": ones,
        "dilations": ones,
        "padding": string_attr("VALID"),
        "explicit_paddings": int_list_attr(()),
    }


def _geometry(op: Node, axis: int, size: int, taps: int) -> tuple[int, int, tuple[int, int]]:
    """Stride, dilation and padding of an op along an axis."""
    stride, dilation = op.attrs["strides"].list.i[axis], op.attrs["dilations"].list.i[axis]
    if op.attrs["padding"].s == b"VALID":
        return stride, dilation, (0, 0)
    if op.attrs["padding"].s == b"EXPLICIT":
        before, behind = op.attrs["explicit_paddings"].list.i[2 * axis : 2 * axis + 2]
        return stride, dilation, (before, behind)
    missing = max((-(-size // stride) - 1) * stride + (taps - 1) * dilation + 1 - size, 0)
    return stride, dilation, (missing // 2, missing - missing // 2)


def _reshaped(name: str, tensor: str, shape: tuple[int, ...]) -> list[Node]:
    dims = const_node(f"{name}_dims", np.array(shape, np.int32))
    attrs = {"T": dtype_attr("float32"), "Tshape": dtype_attr("int32")}
    return [dims, Node(name, "Reshape", (tensor, dims.name), attrs)]


def _product(name: str, left: Array, right: str, op: str = "MatMul") -> list[Node]:
    const = const_node(f"{name}_shares", left)
    return [const, _multiplied(name, op, const.name, right)]


def _multiplied(name: str, op: str, left: str, right: str) -> Node:
    flags = ("transpose_a", "transpose_b") if op == "MatMul" else ("adj_x", "adj_y")
    attrs = {"T": dtype_attr("float32"), **{flag: bool_attr(False) for flag in flags}}
    return Node(name, op, (left, right), attrs)
