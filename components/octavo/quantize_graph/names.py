"""The names of the nodes that quantize_graph writes, which must be new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from octavo.errors import GraphError
from octavo.graph.graph import Graph, Node


def with_made(graph: Graph, made: Iterable[Node]) -> Graph:
    """The graph around other nodes, some of its own and some that were made from them.

    Raises:
        GraphError: when a node that was made has the name of another.
    """
    nodes = list(made)
    twice = next((name for name, count in Counter(node.name for node in nodes).items() if count > 1), None)
    if twice is not None:
        raise GraphError(
            f"the graph already has a node named {twice!r}, as quantize_graph calls one of its own; if the graph was "
            "quantized before, give the float graph; else rename that node with transform_graph "
            f"--transforms='rename_node(old_node_name=\"{twice}\", new_node_name=...)'"
        )
    return graph.with_nodes(nodes)
