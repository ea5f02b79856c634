"""Put every node behind what it reads; nodes that are in order already keep their order.

Before:
    y = Add(x, w)
    x = Placeholder()
    w = Const() value=float32<>[1]
After:
    x = Placeholder()
    w = Const() value=float32<>[1]
    y = Add(x, w)
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.graph.sort import execution_order


def sort_by_execution_order(graph: Graph) -> Graph:
    """Put every node behind what it reads.

    Raises:
        GraphError: when nodes read each other in a circle that is no while loop.
    """
    return graph.with_nodes(execution_order(graph))
