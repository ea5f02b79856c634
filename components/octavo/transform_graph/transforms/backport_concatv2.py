"""Write ConcatV2 as the older Concat, for TensorFlow before 1.0: the axis comes first.

Before:
    x = Placeholder()
    axis = Const() value=int32<>[1]
    y = ConcatV2(x, x, axis) N=2 T=float32 Tidx=int32
After:
    x = Placeholder()
    axis = Const() value=int32<>[1]
    y = Concat(axis, x, x) N=2 T=float32

Concat takes an int32 axis only: one of int64 goes through a Cast named <concat>/axis, where the original leaves a graph
that does not load. Control edges stay behind the data, where the original takes the last of them for the axis.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from octavo.graph import Graph, Node
from octavo.graph.attrs import DType
from octavo.graph.names import fresh_name


def backport_concatv2(graph: Graph) -> Graph:
    """Write ConcatV2 as the older Concat: the axis comes first."""
    return graph.with_nodes(new for node in graph.nodes.values() for new in _backported(graph, node))


def _backported(graph: Graph, node: Node) -> Iterator[Node]:
    if node.op != "ConcatV2":
        yield node
        return
    *values, axis = node.data_inputs
    if node.dtype("Tidx") != "int32":
        cast = Node(
            fresh_name(f"{node.name}/axis", graph.nodes),
            "Cast",
            (axis,),
            {"SrcT": node.attr("Tidx"), "DstT": DType("int32")},
            node.device,
        )
        yield cast
        axis = cast.name
    attrs = {key: value for key, value in node.attrs.items() if key != "Tidx"}
    yield replace(node, op="Concat", inputs=(axis, *values, *node.control_inputs), attrs=attrs)
