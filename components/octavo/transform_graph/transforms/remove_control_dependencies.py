"""Drop the control edges, in the graph but not in its function library.

Before:
    x = Placeholder()
    init = NoOp()
    y = Relu(x, ^init)
After:
    x = Placeholder()
    init = NoOp()
    y = Relu(x)

Edges stay that alone keep a node, a Const for the most part, in a loop or in a branch of a conditional: without them
the graph does not run, or gives the constant of the other branch. How many nodes have such edges is logged.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.graph.frames import with_placing_edges_only


def remove_control_dependencies(graph: Graph) -> Graph:
    """Drop the control edges, but for those that keep a node in its loop or branch."""
    return with_placing_edges_only(graph)
