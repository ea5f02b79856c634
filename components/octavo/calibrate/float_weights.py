"""Give an observed graph its float weights back.

1. d = Dequantize(Const codes, Const, Const) becomes a Const, so that TensorFlow fuses the conv that reads it and packs
   its filter once, as it does in the float graph.
2. Where a bias correction measures what rounding the weights took, `error`, that Const is d + error: the weights before
   rounding. What the correction gives back on average is then not missing, and zero in its place: a bias that it is
   added to stays as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import numpy as np

from octavo.graph.graph import Graph, Node, rewire
from octavo.graph.op_defs import with_default_attrs
from octavo.graph.tensors import Array, const_node, const_value
from octavo.int8.node_names import DEQUANTIZED, ROUNDING_ERROR, is_correction


def with_float_weights(graph: Graph, corrections: Iterable[str]) -> Graph:
    """The graph with float Consts in the place of dequantized ones.

    Args:
        graph: the graph.
        corrections: the nodes that hold bias corrections; their readers find zeros where the weights need none.
    """
    made: list[Node] = []
    renames: dict[str, str] = {}
    errors, zeros = _rounding_errors(graph, corrections)
    for node in graph.nodes.values():
        if (weights := _dequantized(graph, node)) is not None:
            made.append(const_node(f"{node.name}/float", weights + errors.get(node.name, np.float32(0))))
            renames[node.name] = made[-1].name
        elif (bias := _bias_alone(graph, node, zeros)) is not None:
            renames[node.name] = bias
    nodes = [*graph.nodes.values(), *made, *_zero_nodes(graph, zeros)]
    return graph.with_nodes(rewire(nodes, {**zeros, **renames}))


def measured_op(graph: Graph, correction: str) -> Node | None:
    """The op on rounding errors whose mean is a correction; None where it is made in another way."""
    mean = graph.nodes.get(correction)
    if mean is None or mean.op != "Mean" or not is_correction(correction):
        return None
    op = graph.producer(mean.data_inputs[0])
    reads_error = len(op.data_inputs) == 2 and op.data_inputs[1].endswith(ROUNDING_ERROR)
    return op if reads_error and graph.producer(op.data_inputs[1]).op == "Const" else None


def _rounding_errors(graph: Graph, corrections: Iterable[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """Dequantize of weights -> what rounding took from them; and correction -> the name of the zeros in its place."""
    errors: dict[str, Array] = {}
    zeros: dict[str, str] = {}
    for name in corrections:
        op = measured_op(graph, name)
        if op is not None:
            error = op.data_inputs[1]
            errors[error.removesuffix(ROUNDING_ERROR) + DEQUANTIZED] = const_value(graph.nodes[error])
            zeros[name] = f"{name}/none"
    return errors, zeros


def _bias_alone(graph: Graph, node: Node, zeros: Collection[str]) -> str | None:
    """The constant vector to which a node adds one of the corrections `zeros`, a vector as long; None for others."""
    if node.op != "AddV2" or node.data_inputs[1] not in zeros:
        return None
    bias = graph.producer(node.data_inputs[0])
    return bias.name if bias.op == "Const" and const_value(bias).ndim == 1 else None


def _zero_nodes(graph: Graph, zeros: dict[str, str]) -> list[Node]:
    nodes = []
    for correction, name in zeros.items():
        op = measured_op(graph, correction)
        assert op is not None
        nodes.append(const_node(name, np.zeros(output_channels(op, const_value(graph.nodes[op.data_inputs[1]])), "f")))
    return nodes


def output_channels(op: Node, weights: Array) -> int:
    """How many channels an op with these weights makes."""
    if op.op == "MatMul":
        return int(weights.shape[0 if op.flag("transpose_b") else 1])
    return int(weights.shape[2] * weights.shape[3] if op.op == "DepthwiseConv2dNative" else weights.shape[3])


def _dequantized(graph: Graph, node: Node) -> Array | None:
    """The value of a SCALED Dequantize of qint8 Consts, float32; None for anything else."""
    if node.op != "Dequantize" or any(graph.producer(tensor).op != "Const" for tensor in node.data_inputs):
        return None
    whole = with_default_attrs(node)
    if whole.text("mode") != "SCALED" or whole.dtype("T") != "qint8":
        return None
    codes, low, high = (graph.producer(tensor) for tensor in node.data_inputs)
    largest = 127 if whole.flag("narrow_range") else 128
    step = np.maximum(np.abs(const_value(low)), np.abs(const_value(high))) / np.float32(largest)
    values = const_value(codes)
    axis = whole.integer("axis")
    shape = [-1 if a == axis else 1 for a in range(values.ndim)] if axis >= 0 else ()
    return np.asarray(values * step.astype(np.float32).reshape(shape), np.float32)
