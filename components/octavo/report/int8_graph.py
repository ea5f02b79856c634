"""What the finished INT8 graph itself says: what still computes in float, and the ranges of its 8-bit tensors."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from octavo.documents.decisions import Decisions
from octavo.graph import Graph, Node, const_value, producer_name
from octavo.graph.attrs import DType
from octavo.int8.node_names import entry_tensor, is_added, kernel_range, origin, true_range

BOOKKEEPING = frozenset(
    {
        "Const", "Dequantize", "ExpandDims", "Identity", "NoOp", "Pack", "Placeholder", "PlaceholderWithDefault",
        "QuantizeV2", "Reshape", "Shape", "Squeeze", "StridedSlice", "Cast",
    }
)  # fmt: skip
"""Op types that move or convert data without computing on it."""

FLOATS = frozenset({"float32", "float16", "bfloat16", "float64"})


@dataclass(frozen=True, slots=True)
class Range:
    """The values that an 8-bit tensor can hold."""

    name: str
    low: float
    high: float
    dtype: str


def still_float(graph: Graph, decisions: Decisions) -> frozenset[str]:
    """The nodes that were to be INT8 and whose op is in the graph as it was, in float arithmetic."""
    names = {(origin(node.name), node.op) for node in graph.nodes.values() if computes_in_float(node)}
    return frozenset(n.name for n in decisions.nodes if n.verdict == "INT8" and (n.name, n.op) in names)


def other_float_ops(graph: Graph, decisions: Decisions) -> dict[str, int]:
    """Op type -> nodes that compute in float and that quantize_graph has no verdict on, the most frequent first."""
    judged = {node.name for node in decisions.nodes}
    found = Counter(
        node.op for node in graph.nodes.values() if computes_in_float(node) and origin(node.name) not in judged
    )
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def computes_in_float(node: Node) -> bool:
    """Whether a node does arithmetic on floating-point numbers."""
    dtype = node.attrs.get("T")  # a list in IdentityN
    return node.op not in BOOKKEEPING and isinstance(dtype, DType) and dtype.base in FLOATS


def ranges(graph: Graph) -> tuple[Range, ...]:
    """The ranges of the graph's 8-bit tensors, in the graph's order; those that are no constants are left out."""
    found = (_range(graph, node) for node in graph.nodes.values() if is_added(node.name))
    return tuple(r for r in found if r is not None)


def _range(graph: Graph, node: Node) -> Range | None:
    if node.op == "QuantizeV2":
        low, high = (_scalar(graph, t) for t in node.data_inputs[1:3])
        dtype = node.dtype("T")
    elif "out_type" in node.attrs or "Tout" in node.attrs:
        ends = true_range(node.name)
        first, last = ends if ends[1] in graph.nodes else kernel_range(node.name)
        low, high = _scalar(graph, first) if first in graph.nodes else 0.0, _scalar(graph, last)
        dtype = node.dtype("out_type" if "out_type" in node.attrs else "Tout")
    else:
        return None
    name = entry_tensor(node.name) or origin(node.name)
    return None if low is None or high is None else Range(name, low, high, dtype)


def _scalar(graph: Graph, tensor: str) -> float | None:
    node = graph.nodes.get(producer_name(tensor))
    if node is None or node.op != "Const":
        return None
    value = const_value(node)
    return float(value.reshape(-1)[0]) if value.size == 1 else None
