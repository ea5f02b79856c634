"""Drop every control edge, in the graph but not in its function library.

Before:
    x = Placeholder()
    init = NoOp()
    y = Relu(x, ^init)
After:
    x = Placeholder()
    init = NoOp()
    y = Relu(x)

In a graph with conditionals the edges decide what runs: remove them only where no Switch is left.
"""

from __future__ import annotations

from dataclasses import replace

from octavo.graph import Graph


def remove_control_dependencies(graph: Graph) -> Graph:
    """Drop every control edge."""
    return graph.with_nodes(
        replace(node, inputs=node.data_inputs) if node.control_inputs else node for node in graph.nodes.values()
    )
