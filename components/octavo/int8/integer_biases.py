"""Biases of INT8 convs as whole numbers: code = round(bias / (input scale * channel's weight scale)), in qint32.

The multiply-adds of a conv count in steps of input scale times weight scale, so that such a bias is added to them
before anything is rounded. It is off by half a step at most. TensorFlow's matmul kernel computes wrong results with a
qint32 bias, so that matmuls keep theirs.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np

from octavo.graph.attrs import DType
from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.names import producer_name
from octavo.graph.rewrite import Outcome
from octavo.graph.tensors import Array, const_node, const_value
from octavo.int8.known_ranges import FUSED_CONVS, PUBLIC_CONVS, known_magnitude

LOG = logging.getLogger(__name__)

LARGEST = 2**31 - 1

FLOAT_BIAS = "with_integer_biases"
"""What the reason is filed under why a bias stays float32."""


def with_integer_biases(graph: Graph) -> Outcome:
    """Put a qint32 bias in every conv kernel whose bias, ranges and filter range are known.

    A bias that does not fit 32 bits stays float32: a channel of weights near zero has steps too small to count it in.
    Each that stays is logged with the reason.
    """
    replaced: dict[str, Node] = {}
    missed: dict[str, list[tuple[str, Miss]]] = {}
    for node in graph.nodes.values():
        if not _has_float_bias(node):
            continue
        try:
            codes = _codes(graph, node)
        except Miss as miss:
            LOG.warning("%s %r keeps its float32 bias: %s", node.op, node.name, miss.reason)
            missed[node.name] = [(FLOAT_BIAS, miss)]
            continue
        replaced[node.data_inputs[2]] = const_node(node.data_inputs[2], codes, "qint32")
        replaced[node.name] = _with_qint32_bias(node)
    biased = replace(graph, nodes={name: replaced.get(name, node) for name, node in graph.nodes.items()})
    return Outcome(biased, missed=missed)


def _has_float_bias(node: Node) -> bool:
    fused = node.op in FUSED_CONVS and "BiasAdd" in node.texts("fused_ops")
    known = fused or (node.op.startswith(PUBLIC_CONVS) and "Tbias" in node.attrs)
    return known and node.dtype("Tbias") == "float32"


def _codes(graph: Graph, node: Node) -> Array:
    """The bias of a conv kernel as int32 [channels]."""
    first = _first_range(node)
    low, high, *filter_ends = node.data_inputs[first : first + 4]
    bias, filter_low, filter_high = (
        _const(graph, tensor, what)
        for tensor, what in zip((node.data_inputs[2], *filter_ends), ("bias", *2 * ["filter's range"]), strict=True)
    )
    if len(graph.consumers[producer_name(node.data_inputs[2])]) != 1:
        raise Miss(f"others read {node.data_inputs[2]!r} as well", at=node.data_inputs[2])
    magnitude = known_magnitude(graph, low, high)
    if magnitude is None:
        raise Miss(f"the range of its input, {low!r}, is known as the graph runs only", at=low)
    most = 255 if node.dtype("Tinput") == "quint8" else 127
    step = magnitude / most * np.maximum(abs(filter_low), abs(filter_high)) / 127
    if np.any(np.abs(bias) > step * LARGEST):
        raise Miss("a channel's steps are too small to count it in 32 bits", at=node.name)
    return np.rint(bias / np.where(step > 0, step, 1)).astype(np.int32)


def _const(graph: Graph, tensor: str, what: str) -> Array:
    """The float64 value of a Const."""
    node = graph.nodes[producer_name(tensor)]
    if node.op != "Const":
        raise Miss(f"its {what} is the {node.op} {node.name!r}; wanted a Const", at=tensor)
    return const_value(node).astype(np.float64)


def _first_range(node: Node) -> int:
    """The position of the input's low end: behind data, filter and bias, and the newer ops' summand."""
    return 3 + (node.op in FUSED_CONVS and "Sum" in node.texts("fused_ops"))


def _with_qint32_bias(node: Node) -> Node:
    node = node.with_attrs(Tbias=DType("qint32"))
    if node.op not in FUSED_CONVS:
        return node
    kinds = [node.dtype("Tinput"), "qint8", "qint32"]
    if "Sum" in node.texts("fused_ops"):
        kinds.append(node.dtype("Tsummand"))
    return node.with_attrs(Tdevice_inputs=tuple(map(DType, kinds)))
