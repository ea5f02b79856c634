"""Biases of INT8 convs as whole numbers: code = round(bias / (input scale * channel's weight scale)), in qint32.

The multiply-adds of a conv count in steps of input scale times weight scale, so that such a bias is added to them
before anything is rounded. It is off by half a step at most. TensorFlow's matmul kernel computes wrong results with a
qint32 bias, so that matmuls keep theirs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from octavo.graph.attrs import dtype_attr, dtype_list_attr, read_dtype
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.tensors import Array, const_node, const_value

FUSED_CONVS = frozenset({"_FusedQuantizedConv2D", "_FusedQuantizedDepthwiseConv2D"})
PUBLIC_CONVS = ("QuantizedConv2DWithBias", "QuantizedDepthwiseConv2DWithBias")

LARGEST = 2**31 - 1


def with_integer_biases(graph: Graph) -> Graph:
    """The graph with a qint32 bias in every conv kernel whose bias, ranges and filter range are Consts.

    A bias that does not fit 32 bits stays float32: a channel of weights near zero has steps too small to count it in.
    """
    replaced: dict[str, Node] = {}
    for node in graph.nodes.values():
        codes = _codes(graph, node)
        if codes is not None:
            replaced[node.data_inputs[2]] = const_node(node.data_inputs[2], codes, "qint32")
            replaced[node.name] = _with_qint32_bias(node)
    return replace(graph, nodes={name: replaced.get(name, node) for name, node in graph.nodes.items()})


def _codes(graph: Graph, node: Node) -> Array | None:
    """The bias of a conv kernel as int32 [channels]; None when the node is none, or its bias has to stay."""
    if not (node.op in FUSED_CONVS or node.op.startswith(PUBLIC_CONVS)) or read_dtype(node.attrs["Tbias"]) != "float32":
        return None
    first = _first_range(node)
    names = [producer_name(t) for t in (node.data_inputs[2], *node.data_inputs[first : first + 4])]
    consts = [graph.nodes[name] for name in names]
    if any(const.op != "Const" for const in consts) or len(graph.consumers[names[0]]) != 1:
        return None
    bias, low, high, filter_low, filter_high = (const_value(const).astype(np.float64) for const in consts)
    most = 255 if read_dtype(node.attrs["Tinput"]) == "quint8" else 127
    step = np.maximum(abs(low), abs(high)) / most * np.maximum(abs(filter_low), abs(filter_high)) / 127
    codes = np.rint(bias / step)
    return codes.astype(np.int32) if np.all(np.abs(codes) <= LARGEST) else None


def _first_range(node: Node) -> int:
    """The position of the input's low end: behind data, filter and bias, and the newer ops' summand."""
    return 3 + (node.op in FUSED_CONVS and b"Sum" in node.attrs["fused_ops"].list.s)


def _with_qint32_bias(node: Node) -> Node:
    node = node.with_attrs(Tbias=dtype_attr("qint32"))
    if node.op not in FUSED_CONVS:
        return node
    kinds = [read_dtype(node.attrs["Tinput"]), "qint8", "qint32"]
    if b"Sum" in node.attrs["fused_ops"].list.s:
        kinds.append(read_dtype(node.attrs["Tsummand"]))
    return node.with_attrs(Tdevice_inputs=dtype_list_attr(kinds))
