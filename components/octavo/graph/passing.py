"""Ops that hand numbers on as they are, in another shape or type at most."""

from __future__ import annotations

from octavo.graph.graph import Graph, Node

PASSING = frozenset({"Identity", "Reshape", "Squeeze", "Cast", "StopGradient"})


def made_by(graph: Graph, tensor: str) -> Node:
    """The node that makes the numbers of a tensor: the one behind Identity, Reshape and the like."""
    node = graph.producer(tensor)
    while node.op in PASSING and node.data_inputs:
        node = graph.producer(node.data_inputs[0])
    return node
