"""Delete an attribute from all nodes, or from those of one op type.

    remove_attribute(attribute_name=_output_shapes)

Before:
    x = Placeholder() _output_shapes=[]
    y = Relu(x) _output_shapes=[]
After:
    x = Placeholder()
    y = Relu(x)

A graph that lacks an attribute without a default does not load any more: octavo says so, and writes no file.
"""

from __future__ import annotations

from dataclasses import replace

from octavo.graph import Graph, Node


def remove_attribute(graph: Graph, *, attribute_name: str, op_name: str = "*") -> Graph:
    """Delete an attribute.

    Args:
        graph: the graph.
        attribute_name: the attribute's name; nodes without it stay as they are.
        op_name: the op type to delete it from; "*" is any.
    """
    nodes = graph.nodes.values()
    return graph.with_nodes(_without(n, attribute_name) if op_name in {"*", n.op} else n for n in nodes)


def _without(node: Node, name: str) -> Node:
    if name not in node.attrs:
        return node
    return replace(node, attrs={key: value for key, value in node.attrs.items() if key != name})
