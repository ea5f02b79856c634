"""Bias corrections: what rounding its weights takes from each output channel of an op, on average.

A conv with rounded weights is off by conv(x, w - rounded(w)). The mean of that over the calibration data, one number
for each output channel, is added to its bias. (Nagel et al., Data-Free Quantization Through Weight Equalization and
Bias Correction, 2019, section 4.2, with the mean measured instead of derived.)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from octavo.graph.attrs import DType
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.tensors import Array, const_node, const_value
from octavo.int8.node_names import added, correction_of, is_correction


def correction_nodes(anchor: Node, data: str, error: str) -> list[Node]:
    """The nodes that measure a correction on each batch.

    An op is linear in its data, so that the mean of its output over the batch is its output for the batch's mean.

    Args:
        anchor: the conv or matmul.
        data: the float tensor that it reads.
        error: the Const w - rounded(w).
    """
    parts = ("batch_axis", "sample_axes", "mean_input", "mean_error")
    first, rest, mean, output = (added(anchor.name, part) for part in parts)
    axes = [0] if anchor.op == "MatMul" else [0, 1, 2]
    return [
        const_node(first, np.array([0], np.int32)),
        const_node(rest, np.array(axes, np.int32)),
        _mean(mean, data, first, keep_dims=True),
        Node(output, anchor.op, (mean, error), anchor.attrs),
        _mean(correction_of(anchor.name), output, rest, keep_dims=False),
    ]


def without_unfrozen_corrections(graph: Graph) -> Graph:
    """The graph with a zero in the place of each correction that is not a constant yet."""
    zeros = {}
    for node in graph.nodes.values():
        if is_correction(node.name) and node.op == "Mean":
            zeros[node.name] = const_node(node.name, np.zeros(_channels(graph, node), np.float32))
    if not zeros:
        return graph
    return replace(graph, nodes={name: zeros.get(name, node) for name, node in graph.nodes.items()})


def constant_vector(graph: Graph, tensor: str) -> Array | None:
    """A tensor's value when it is a Const (behind Identity nodes, too) or a sum of such; None for anything else."""
    node = graph.nodes[producer_name(tensor)]
    while node.op == "Identity" and node.data_inputs:
        node = graph.nodes[producer_name(node.data_inputs[0])]
    if node.op == "Const":
        return const_value(node)
    if node.op != "AddV2" or not any(is_correction(t) for t in node.data_inputs):
        return None
    parts = [constant_vector(graph, t) for t in node.data_inputs]
    return None if parts[0] is None or parts[1] is None else np.asarray(parts[0] + parts[1])


def _channels(graph: Graph, correction: Node) -> int:
    """The length of a correction: that of the error filter's output channels."""
    output = graph.nodes[producer_name(correction.data_inputs[0])]
    shape: tuple[int, ...] = const_value(graph.nodes[producer_name(output.data_inputs[1])]).shape
    if output.op == "MatMul":
        return shape[0] if output.flag("transpose_b") else shape[1]
    return shape[2] * shape[3] if output.op == "DepthwiseConv2dNative" else shape[3]


def _mean(name: str, tensor: str, axes: str, *, keep_dims: bool) -> Node:
    attrs = {"T": DType("float32"), "Tidx": DType("int32"), "keep_dims": keep_dims}
    return Node(name, "Mean", (tensor, axes), attrs)
