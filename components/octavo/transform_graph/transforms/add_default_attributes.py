"""Write out every attribute that a node leaves to its op's default.

Before:
    x = Placeholder() dtype=float32 shape=<2,2>
    y = MatMul(x, x) T=float32
After:
    x = Placeholder() dtype=float32 shape=<2,2>
    y = MatMul(x, x) T=float32 grad_a=false grad_b=false transpose_a=false transpose_b=false

The defaults are those of the TensorFlow that octavo runs with. The nodes of library functions get theirs as well, and
ops that TensorFlow does not know keep what they have.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from octavo.graph import Graph
from octavo.graph.op_defs import with_default_attrs
from octavo.graph.registry import op_def


def add_default_attributes(graph: Graph) -> Graph:
    """Write out every attribute that a node leaves to its op's default."""
    nodes = graph.with_nodes(map(with_default_attrs, graph.nodes.values()))
    return nodes if graph.library is None else replace(nodes, library=_with_defaults(graph.library))


def _with_defaults(library: Any) -> Any:
    """A copy of a function library whose nodes spell out their defaults."""
    copied = type(library)()
    copied.CopyFrom(library)
    for function in copied.function:
        for node in function.node_def:
            definition = op_def(node.op)
            for attr in definition.attr if definition is not None else ():
                if attr.HasField("default_value") and attr.name not in node.attr:
                    node.attr[attr.name].CopyFrom(attr.default_value)
    return copied
