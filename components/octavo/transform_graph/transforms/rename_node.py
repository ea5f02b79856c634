"""Give a node another name; whatever reads it follows, and so do the graph's inputs and outputs.

    rename_node(old_node_name=x, new_node_name=image)

Before:
    x = Placeholder()
    y = Relu(x)
    z = Neg(y, ^x)
After:
    image = Placeholder()
    y = Relu(image)
    z = Neg(y, ^image)

Nodes that share the node's device, by their attribute _class, follow too; the original leaves them a name that
TensorFlow does not find.
"""

from __future__ import annotations

from octavo.errors import GraphError
from octavo.graph import Graph
from octavo.transform_graph.renaming import with_names


def rename_node(graph: Graph, *, old_node_name: str, new_node_name: str) -> Graph:
    """Give a node another name.

    Args:
        graph: the graph.
        old_node_name: the node's name.
        new_node_name: a name that no node has.

    Raises:
        GraphError: when there is no node of the old name, or one of the new.
    """
    graph.with_ends((old_node_name,), ())  # names near ones when it is absent
    if new_node_name == old_node_name:
        return graph
    if new_node_name in graph.nodes:
        raise GraphError(f"a node named {new_node_name!r} is in the graph already; choose another name")
    return with_names(graph, {old_node_name: new_node_name})
