"""Nodes whose outputs never change, whatever the graph is fed."""

from __future__ import annotations

from collections.abc import Iterable

from octavo.graph.graph import Node
from octavo.graph.names import producer_name
from octavo.graph.op_defs import CONTROL_FLOW, op_def


def constant_nodes(order: Iterable[Node]) -> frozenset[str]:
    """The names of the Consts and of all that is computed from nothing but Consts.

    TensorFlow folds them when it loads a graph, so that their tensors have no buffers of their own to write to.

    Args:
        order: the nodes in execution order.
    """
    found: set[str] = set()
    for node in order:
        computed = node.data_inputs and all(producer_name(t) in found for t in node.data_inputs)
        if node.op == "Const" or (computed and _is_pure(node.op)):
            found.add(node.name)
    return frozenset(found)


def _is_pure(op: str) -> bool:
    """Whether an op type gives the same outputs for the same inputs, each time."""
    definition = op_def(op)
    return definition is not None and not definition.is_stateful and op not in CONTROL_FLOW | _FED


_FED = frozenset({"PlaceholderWithDefault"})
"""Ops that a caller may feed although they have an input."""
