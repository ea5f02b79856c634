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
"""

from __future__ import annotations

from dataclasses import replace

from octavo.errors import GraphError
from octavo.graph import Graph, producer_name


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

    def renamed(tensor: str) -> str:
        name = producer_name(tensor)
        return tensor.replace(name, new_node_name, 1) if name == old_node_name else tensor

    nodes = {}
    for node in graph.nodes.values():
        name = renamed(node.name)
        nodes[name] = replace(node, name=name, inputs=tuple(map(renamed, node.inputs)))
    ends = {"inputs": tuple(map(renamed, graph.inputs)), "outputs": tuple(map(renamed, graph.outputs))}
    return replace(graph, nodes=nodes, **ends)
