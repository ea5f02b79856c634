"""Take out pairs of Dequantize and QuantizeV2 that only turn codes into floats and back.

Before:
    d = Dequantize(codes, low, high)
    q = QuantizeV2(d, Min(Reshape(d)), Max(Reshape(d)))
    y = QuantizedRelu(q, q:1, q:2)
After:
    y = QuantizedRelu(codes, low, high)

The pair must read the codes in one way (dtype, mode, axis). The range of the codes takes the place of the measured one,
which is at most as wide.
"""

from __future__ import annotations

from octavo.graph.graph import Graph, Node, rewire
from octavo.graph.names import producer_name

READ_ALIKE = ("T", "mode", "narrow_range", "axis")


def strip_redundant_quantization(graph: Graph) -> Graph:
    """The graph without such pairs, and without what no output needs then."""
    renames: dict[str, str] = {}
    for node in graph.nodes.values():
        source = graph.nodes[producer_name(node.data_inputs[0])] if node.op == "QuantizeV2" else None
        if source is not None and _is_pair(graph, source, node):
            ends = zip((node.name, f"{node.name}:1", f"{node.name}:2"), source.data_inputs, strict=True)
            renames |= dict(ends)
    nodes = [n for n in graph.nodes.values() if n.name not in renames]
    return graph.with_nodes(rewire(nodes, renames)).without_dead_nodes()


def _is_pair(graph: Graph, source: Node, quantizing: Node) -> bool:
    if source.op != "Dequantize" or quantizing.name in graph.output_names or quantizing.control_inputs:
        return False
    if any(source.attr(key) != quantizing.attr(key) for key in READ_ALIKE):
        return False
    low, high = quantizing.data_inputs[1:]
    return (low, high) == source.data_inputs[1:] or (
        _measures(graph, low, "Min", source) and _measures(graph, high, "Max", source)
    )


def _measures(graph: Graph, end: str, op: str, source: Node) -> bool:
    """Whether a tensor is the Min or Max of all that a node makes."""
    node = graph.producer(end)
    if node.op != op:
        return False
    behind = graph.producer(node.data_inputs[0])
    if behind.op == "Reshape":
        behind = graph.producer(behind.data_inputs[0])
    return behind is source
