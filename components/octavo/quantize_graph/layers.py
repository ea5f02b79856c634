"""The first and the last convs and matmuls of a graph."""

from __future__ import annotations

from collections.abc import Sequence

from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.int8.chain import ANCHORS


def first_layers(graph: Graph, order: Sequence[Node]) -> frozenset[str]:
    """The names of the anchors that an input of the graph reaches without passing another anchor.

    Args:
        graph: the graph; where it names no inputs, its Placeholders are taken for them.
        order: its nodes in execution order.
    """
    reached = set(graph.input_names) or {node.name for node in order if node.op == "Placeholder"}
    found = set()
    for node in order:
        if not any(producer_name(t) in reached for t in node.data_inputs):
            continue
        if node.op in ANCHORS:
            found.add(node.name)
        else:
            reached.add(node.name)
    return frozenset(found)


def last_layers(order: Sequence[Node]) -> frozenset[str]:
    """The names of the anchors from which no other anchor is reached.

    Args:
        order: the graph's nodes in execution order.
    """
    leading: set[str] = set()
    found = set()
    for node in reversed(order):
        if node.op in ANCHORS and node.name not in leading:
            found.add(node.name)
        if node.op in ANCHORS or node.name in leading:
            leading.update(producer_name(t) for t in node.data_inputs)
    return frozenset(found)
