"""Give an attribute another name, on all nodes or on those of one op type.

    rename_attribute(old_attribute_name=squeeze_dims_old, new_attribute_name=squeeze_dims)

Before:
    x = Placeholder()
    y = Squeeze(x) squeeze_dims_old=[1]
After:
    x = Placeholder()
    y = Squeeze(x) squeeze_dims=[1]

A node that has both names is an error, where the original loses the value that was to be renamed.
"""

from __future__ import annotations

from dataclasses import replace

from octavo.errors import GraphError
from octavo.graph import Graph, Node


def rename_attribute(graph: Graph, *, old_attribute_name: str, new_attribute_name: str, op_name: str = "*") -> Graph:
    """Give an attribute another name.

    Args:
        graph: the graph.
        old_attribute_name: its name now; nodes without it stay as they are.
        new_attribute_name: its name afterwards.
        op_name: the op type to rename it on; "*" is any.

    Raises:
        GraphError: when a node has an attribute of the new name already.
    """
    if old_attribute_name == new_attribute_name:
        return graph
    old, new = old_attribute_name, new_attribute_name
    nodes = graph.nodes.values()
    return graph.with_nodes(_renamed(n, old, new) if op_name in {"*", n.op} and old in n.attrs else n for n in nodes)


def _renamed(node: Node, old: str, new: str) -> Node:
    if new in node.attrs:
        raise GraphError(f"{node.op} {node.name!r} has an attribute {new!r} already; remove_attribute takes it away")
    return replace(node, attrs={new if key == old else key: value for key, value in node.attrs.items()})
