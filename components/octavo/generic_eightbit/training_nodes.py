"""Take out the nodes that only training needs.

y = CheckNumerics(x)              readers of y read x; control edges from it go, unless they keep a node in a loop
y = Identity(x), StopGradient(x)  readers of y read x, unless something beside data hangs on the node

TensorFlow's `remove_training_nodes` does the same, but for a CheckNumerics whose output is read: it drops that input.
"""

from __future__ import annotations

from dataclasses import replace

from octavo.graph.frames import placing_edges
from octavo.graph.graph import Graph, Node, rewire
from octavo.graph.names import is_control, producer_name

CHECKS = frozenset({"CheckNumerics"})
PASSES = frozenset({"Identity", "StopGradient"})


def remove_training_nodes(graph: Graph) -> Graph:
    """The graph without its training nodes; its inputs and outputs stay.

    An Identity or StopGradient stays where it waits for another node, another node waits for it, or another node is
    to run beside it (`_class`): it may be there to order what runs.
    """
    kept = graph.output_names | graph.input_names
    kept |= {producer_name(t) for edges in placing_edges(graph).values() for t in edges}
    checks = {n.name: n.data_inputs[0] for n in graph.nodes.values() if n.op in CHECKS and n.name not in kept}
    nodes = [_without_waits_for(node, checks) for node in graph.nodes.values() if node.name not in checks]
    firm = kept | _waited_for(nodes)
    passes = {
        n.name: n.data_inputs[0]
        for n in nodes
        if n.op in PASSES and n.name not in firm and not n.control_inputs and "_class" not in n.attrs
    }
    rest = rewire([n for n in nodes if n.name not in passes], checks | passes)
    return graph.with_nodes(rest)


def _without_waits_for(node: Node, gone: dict[str, str]) -> Node:
    inputs = tuple(t for t in node.inputs if not (is_control(t) and producer_name(t) in gone))
    return node if inputs == node.inputs else replace(node, inputs=inputs)


def _waited_for(nodes: list[Node]) -> frozenset[str]:
    """The names that control edges and colocations point at."""
    waits = {producer_name(t) for node in nodes for t in node.control_inputs}
    beside = {place.removeprefix("loc:@") for node in nodes for place in node.texts("_class", ())}
    return frozenset(waits | beside)
