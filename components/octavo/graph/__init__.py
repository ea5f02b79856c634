"""Graphs: reading, writing, indexing, matching and editing GraphDef."""

from octavo.graph.graph import Graph, Node, follow, rewire
from octavo.graph.names import canonical, is_control, output_index, producer_name, safe_name
from octavo.graph.proto import from_def, load_graph, save_graph, to_def
from octavo.graph.tensors import const_node, const_value

__all__ = [
    "Graph",
    "Node",
    "canonical",
    "const_node",
    "const_value",
    "follow",
    "from_def",
    "is_control",
    "load_graph",
    "output_index",
    "producer_name",
    "rewire",
    "safe_name",
    "save_graph",
    "to_def",
]
