"""Give all nodes of one op type another type.

    rename_op(old_op_name=Add, new_op_name=AddV2)

Before:
    x = Placeholder()
    y = Add(x, x)
After:
    x = Placeholder()
    y = AddV2(x, x)

Inputs and attributes stay as they are. Where they do not fit the new type, the graph does not load any more: octavo
says so, and writes no file.
"""

from __future__ import annotations

from dataclasses import replace

from octavo.graph import Graph


def rename_op(graph: Graph, *, old_op_name: str, new_op_name: str) -> Graph:
    """Give all nodes of one op type another type.

    Args:
        graph: the graph.
        old_op_name: the type now; a graph without such nodes stays as it is.
        new_op_name: the type afterwards.
    """
    nodes = graph.nodes.values()
    return graph.with_nodes(replace(node, op=new_op_name) if node.op == old_op_name else node for node in nodes)
