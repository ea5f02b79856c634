"""Whether an anchor's own attributes and weights fit the INT8 kernels, and what else keeps an op FP32 anywhere."""

from __future__ import annotations

import numpy as np

from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Kind, Miss
from octavo.graph.tensors import const_value
from octavo.int8.chain import const_behind
from octavo.runtime.shapes import Shape

CHANNELS_LAST = "export the model with channels last (NHWC)"
FINITE_WEIGHTS = "repair the model's weights"
NO_CONCAT = "remove the concat, which does nothing"
NO_GROUPS = "write the groups as convs of their own in the model"
"""Ways out that several reasons have."""


def no_kernel(node: Node, reason: str, way_out: str | None = None) -> Miss:
    """What keeps a node FP32 is that no kernel computes it."""
    return Miss(reason, at=node.name, kind="no kernel", way_out=way_out)


def in_loop(node: Node, kind: Kind) -> Miss:
    """What keeps a node FP32 is that it runs once for each turn of a loop."""
    return Miss("it is in the body of a loop", at=node.name, kind=kind, way_out="unroll the loop before quantizing")


def check_anchor(graph: Graph, anchor: Node, shape: Shape) -> None:
    """Confirm that an anchor has an INT8 kernel.

    Args:
        graph: the float graph.
        anchor: a Conv2D, DepthwiseConv2dNative or MatMul.
        shape: that of its data input, as far as it is known.

    Raises:
        Miss: when it has none.
    """
    dtype = anchor.dtype("T")
    if dtype != "float32":
        way_out = "convert the model to float32 before quantizing"
        raise no_kernel(anchor, f"it computes in {dtype}; the INT8 kernels replace float32", way_out)
    const = const_behind(graph, anchor.data_inputs[1])
    if const is None:
        way_out = "freeze the variables, and fold constants before quantizing"
        raise no_kernel(anchor, "its weights are not a Const", way_out)
    weights = const_value(const)
    if not np.all(np.isfinite(weights)):
        count = np.count_nonzero(~np.isfinite(weights))
        raise no_kernel(anchor, f"{count} of its weights are NaN or infinite", FINITE_WEIGHTS)
    if anchor.op == "MatMul":
        _check_matmul(anchor)
    else:
        _check_conv(anchor, weights.shape, shape)


def check_pool(pool: Node, kind: Kind) -> None:
    """Confirm that a pool reaches over rows and columns alone. Raises a Miss of that kind."""
    sizes = [*pool.integers("ksize"), *pool.integers("strides")]
    if {sizes[0], sizes[3], sizes[4], sizes[7]} != {1}:
        way_out = "use a Mean or Max over those dimensions, which stays float"
        raise Miss("it pools over the batch or the channels", at=pool.name, kind=kind, way_out=way_out)


def is_padded(conv: Node, filter_shape: tuple[int, ...]) -> bool:
    """Whether a convolution's own padding may put zeros around its data."""
    padding = conv.text("padding")
    if padding == "SAME":
        return filter_shape[:2] != (1, 1)
    return padding == "EXPLICIT" and any(conv.integers("explicit_paddings"))


def _check_matmul(anchor: Node) -> None:
    if anchor.flag("transpose_a"):
        way_out = "transpose the data before the matmul, and set its transpose_a to false"
        raise no_kernel(anchor, "transpose_a has no INT8 kernel", way_out)


def _check_conv(anchor: Node, weights: tuple[int, ...], data: Shape) -> None:
    if anchor.text("data_format", "NHWC") == "NCHW":
        raise no_kernel(anchor, "its data format is NCHW; the INT8 kernels take NHWC", CHANNELS_LAST)
    if anchor.op == "DepthwiseConv2dNative" and weights[3] != 1:
        reason = f"its channel multiplier is {weights[3]}; the INT8 depthwise kernel takes 1"
        raise no_kernel(anchor, reason, "use a depthwise conv with multiplier 1, or a Conv2D, in the model")
    if data is not None and data[3] not in {None, weights[2]}:
        groups = f"it is a grouped convolution: {data[3]} channels in, filters of {weights[2]}"
        raise no_kernel(anchor, f"{groups}; no INT8 kernel has groups", NO_GROUPS)
