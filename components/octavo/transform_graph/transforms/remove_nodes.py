"""Drop pass-through nodes of some types: each reader gets the node's first input instead.

    remove_nodes(op=Identity, op=CheckNumerics)

Before:
    x = Placeholder()
    init = NoOp()
    i = Identity(x, ^init)
    c = CheckNumerics(i)
    y = Relu(c)
After:
    x = Placeholder()
    init = NoOp()
    y = Relu(x, ^init)

Unlike the original, a node's own control edges move to its readers rather than vanish, a node whose second output
someone reads stays, and so does one that tells a conditional's branches apart: that reads a Switch and feeds control
edges.
"""

from __future__ import annotations

from dataclasses import replace

from octavo.graph import Graph, Node, output_index, producer_name
from octavo.graph.op_defs import SWITCHES
from octavo.graph.sort import execution_order

Source = tuple[str, tuple[str, ...]]
"""The tensor that stands in for a removed node's output, and the control edges that come with it."""


def remove_nodes(graph: Graph, *, op: tuple[str, ...], max_inputs: int = 1) -> Graph:
    """Drop pass-through nodes.

    Args:
        graph: the graph; its inputs and outputs stay.
        op: the types of the nodes to drop; may be given several times.
        max_inputs: leave nodes with more data inputs than this alone.
    """
    types = frozenset(op)
    kept = graph.output_names | graph.input_names | _read_beyond_first_output(graph)
    sources: dict[str, Source] = {}
    for node in execution_order(graph):
        removable = node.op in types and node.name not in kept and 1 <= len(node.data_inputs) <= max_inputs
        if not removable:
            continue
        tensor, controls = _source(node.data_inputs[0], sources)
        if not _tells_branches_apart(graph, node, tensor):
            sources[node.name] = (tensor, _joined(controls, node.control_inputs))
    return graph.with_nodes(_rewired(n, sources) for n in graph.nodes.values() if n.name not in sources)


def _read_beyond_first_output(graph: Graph) -> set[str]:
    return {producer_name(t) for node in graph.nodes.values() for t in node.data_inputs if output_index(t)}


def _tells_branches_apart(graph: Graph, node: Node, source: str) -> bool:
    """Whether control edges leave a node that comes to read a Switch: they run in one branch, the Switch's in both."""
    if graph.producer(source).op not in SWITCHES:
        return False
    return any(f"^{node.name}" in reader.inputs for reader in graph.consumers[node.name])


def _source(tensor: str, sources: dict[str, Source]) -> Source:
    return sources.get(tensor, (tensor, ()))


def _joined(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second))) if second else first


def _rewired(node: Node, sources: dict[str, Source]) -> Node:
    """The node with removed producers replaced, data edges first, each control edge once."""
    if not any(producer_name(t) in sources for t in node.inputs):
        return node
    data = [_source(t, sources) for t in node.data_inputs]
    controls = [c for _, controls in data for c in controls]
    for edge in node.control_inputs:
        tensor, more = _source(edge[1:], sources)
        controls += [f"^{producer_name(tensor)}", *more]
    return replace(node, inputs=(*(tensor for tensor, _ in data), *dict.fromkeys(controls)))
