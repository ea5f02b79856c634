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

from octavo.graph import Graph
from octavo.graph.library import with_default_attrs_inside
from octavo.graph.op_defs import with_default_attrs


def add_default_attributes(graph: Graph) -> Graph:
    """Write out every attribute that a node leaves to its op's default."""
    return with_default_attrs_inside(graph.with_nodes(map(with_default_attrs, graph.nodes.values())))
