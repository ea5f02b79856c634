"""Whether an anchor's own attributes and weights fit the INT8 kernels."""

from __future__ import annotations

import numpy as np

from octavo.graph.attrs import read_dtype
from octavo.graph.graph import Graph, Node
from octavo.graph.tensors import const_value
from octavo.int8.chain import const_behind
from octavo.runtime.shapes import Shape


def why_not(graph: Graph, anchor: Node, shape: Shape) -> str | None:
    """The reason an anchor cannot be INT8, or None when it can.

    Args:
        graph: the float graph.
        anchor: a Conv2D, DepthwiseConv2dNative or MatMul.
        shape: that of its data input, as far as it is known.
    """
    if read_dtype(anchor.attrs["T"]) != "float32":
        return f"it computes in {read_dtype(anchor.attrs['T'])}; the INT8 kernels replace float32"
    const = const_behind(graph, anchor.data_inputs[1])
    if const is None:
        return "its weights are not a Const"
    weights = const_value(const)
    if not np.all(np.isfinite(weights)):
        return f"{np.count_nonzero(~np.isfinite(weights))} of its weights are NaN or infinite"
    return _matmul_fault(anchor) if anchor.op == "MatMul" else _conv_fault(anchor, weights.shape, shape)


def is_padded(conv: Node, filter_shape: tuple[int, ...]) -> bool:
    """Whether a convolution's own padding may put zeros around its data."""
    padding = conv.attrs["padding"].s
    if padding == b"SAME":
        return filter_shape[:2] != (1, 1)
    return padding == b"EXPLICIT" and any(conv.attrs["explicit_paddings"].list.i)


def _matmul_fault(anchor: Node) -> str | None:
    if anchor.attrs["transpose_a"].b:
        return "transpose_a has no INT8 kernel"
    return None


def _conv_fault(anchor: Node, weights: tuple[int, ...], data: Shape) -> str | None:
    if "data_format" in anchor.attrs and anchor.attrs["data_format"].s == b"NCHW":
        return "its data format is NCHW; the INT8 kernels take NHWC"
    if anchor.op == "DepthwiseConv2dNative" and weights[3] != 1:
        return f"its channel multiplier is {weights[3]}; the INT8 depthwise kernel takes 1"
    if data is not None and data[3] not in {None, weights[2]}:
        return f"it is a grouped convolution: {data[3]} channels in, filters of {weights[2]}; no INT8 kernel has groups"
    return None
