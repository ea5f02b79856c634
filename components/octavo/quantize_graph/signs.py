"""Which tensors of a float graph can never be negative."""

from __future__ import annotations

from collections.abc import Iterable

from octavo.graph.graph import Node
from octavo.graph.names import producer_name

NEVER_NEGATIVE = frozenset({"Relu", "Relu6", "Sigmoid", "Softmax", "Softplus", "Abs", "Square", "Exp"})
SIGN_KEEPING = frozenset(
    {
        "AvgPool", "ConcatV2", "ExpandDims", "Identity", "MaxPool", "Max", "Mean", "Min", "Pad", "Reshape",
        "ResizeBilinear", "ResizeNearestNeighbor", "SpaceToDepth", "DepthToSpace", "Split", "Squeeze", "StridedSlice",
        "Sum", "Transpose", "Slice",
    }
)  # fmt: skip
"""Ops whose outputs are not negative when their first data input (all of them for ConcatV2) is not."""


def non_negative(order: Iterable[Node]) -> frozenset[str]:
    """The names of the nodes whose every output is at least zero, whatever the graph is fed.

    Args:
        order: the nodes in execution order.
    """
    found: set[str] = set()
    for node in order:
        sources = [producer_name(t) for t in _deciding_inputs(node)]
        if node.op in NEVER_NEGATIVE or (sources and all(s in found for s in sources)):
            found.add(node.name)
    return frozenset(found)


def _deciding_inputs(node: Node) -> tuple[str, ...]:
    if node.op in {"Add", "AddV2", "AddN", "Mul"}:
        return node.data_inputs
    if node.op == "ConcatV2":
        return node.data_inputs[:-1]
    if node.op == "Split":
        return node.data_inputs[1:]
    return node.data_inputs[:1] if node.op in SIGN_KEEPING else ()
