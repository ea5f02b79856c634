"""What quantize_graph refuses: graphs that were quantized before, and nodes that have the names of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from octavo.errors import GraphError
from octavo.graph.graph import Graph, Node


def refuse_quantized(graph: Graph) -> None:
    """Confirm that a graph is float still.

    Raises:
        GraphError: when it measures the ranges of codes, as quantize_graph's results do.
    """
    ranged = next((node for node in graph.nodes.values() if node.op.startswith("RequantizationRange")), None)
    if ranged is not None:
        raise GraphError(
            f"the graph is quantized already: it has the {ranged.op} {ranged.name!r}; "
            "give quantize_graph the float graph"
        )


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
