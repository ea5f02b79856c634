"""Loops and conditionals that are nodes of the graph: what is inside, and what keeps it there.

A node runs where what it reads runs: in the frame of a while loop, once for each turn, or in a branch of a conditional.
A node that reads nothing, as a Const does, is kept there by its control edges alone. Without them TensorFlow refuses a
loop ("must be from the same frame"), and a conditional's Merge may take the constant of the branch that was not taken.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from octavo.graph.graph import Graph, Node
from octavo.graph.names import fresh_name, producer_name
from octavo.graph.op_defs import MERGES, SWITCHES
from octavo.graph.sort import execution_order

LOG = logging.getLogger(__name__)

ENTERS = frozenset({"Enter", "RefEnter"})
EXITS = frozenset({"Exit", "RefExit"})

Frame = tuple[str, ...]
"""The names of the loops around a node, the outermost first; empty outside of all."""


def frames(order: Iterable[Node]) -> Mapping[str, Frame]:
    """Node name -> the frame that it runs in.

    Args:
        order: the nodes in execution order.
    """
    found: dict[str, Frame] = {}
    for node in order:
        around = max((found.get(producer_name(t), ()) for t in node.inputs), key=len, default=())
        if node.op in ENTERS:
            around = (*around, node.text("frame_name", ""))
        found[node.name] = around[:-1] if node.op in EXITS else around
    return found


def in_frames(order: Iterable[Node]) -> frozenset[str]:
    """The names of the nodes that run once for each turn of a loop.

    A node outside such a frame cannot feed one inside, so that constants cannot be added to what is inside.

    Args:
        order: the nodes in execution order.
    """
    return frozenset(name for name, frame in frames(order).items() if frame)


def in_branches(order: Iterable[Node], in_loops: Collection[str]) -> frozenset[str]:
    """The names of the nodes that run only when a conditional takes their branch: behind a Switch, before its Merge.

    A range in a branch that was not taken is not measured.

    Args:
        order: the nodes in execution order.
        in_loops: the names of the nodes in loops, whose Switches and Merges turn the loop.
    """
    depths: dict[str, int] = {}
    for node in order:
        depth = max((depths.get(producer_name(t), 0) for t in node.inputs), default=0)
        if node.name not in in_loops:
            depth += (node.op in SWITCHES) - (node.op in MERGES)
        depths[node.name] = max(depth, 0)
    return frozenset(name for name, depth in depths.items() if depth)


def in_control_flow(graph: Graph) -> frozenset[str]:
    """The names of the nodes that run inside loops or branches, and so not once a run."""
    if not any(node.op in ENTERS | SWITCHES for node in graph.nodes.values()):
        return frozenset()
    order = execution_order(graph)
    in_loops = in_frames(order)
    return in_loops | in_branches(order, in_loops)


def placing_edges(graph: Graph) -> Mapping[str, tuple[str, ...]]:
    """Node name -> the control edges that alone keep it in its loop or branch; nodes without any are left out."""
    inside = in_control_flow(graph)
    bare = (node for node in graph.nodes.values() if node.name in inside and not node.data_inputs)
    edges = {node.name: tuple(t for t in node.control_inputs if producer_name(t) in inside) for node in bare}
    return {name: kept for name, kept in edges.items() if kept}


def with_placing_edges_only(graph: Graph) -> Graph:
    """The graph without control edges, but for those that keep a node in its loop or branch."""
    kept = placing_edges(graph)
    if kept:
        LOG.warning("control edges stay where they keep a node in a loop or branch: %d times", len(kept))
    return graph.with_nodes(
        replace(node, inputs=(*node.data_inputs, *kept.get(node.name, ()))) if node.control_inputs else node
        for node in graph.nodes.values()
    )


def with_constants_in_frames(graph: Graph) -> Graph:
    """The graph with every Const that a node inside a loop reads inside that loop too, by a control edge.

    What adds constants to a graph need not ask where their readers are. A Const that others read as well is copied.
    """
    if not any(node.op in ENTERS for node in graph.nodes.values()):
        return graph
    where = frames(execution_order(graph))
    made: dict[str, Node] = {}
    readers: dict[str, Node] = {}
    taken = set(graph.nodes)
    for node in graph.nodes.values():
        for const in _strays(graph, node, where):
            alone = len(graph.consumers[const.name]) == 1 and const.name not in graph.output_names
            name = const.name if alone else fresh_name(f"{node.name}/{const.name}", taken)
            taken.add(name)
            made[name] = replace(const, name=name, inputs=(_edge_inside(node, where),))
            readers[node.name] = _reading(readers.get(node.name, node), const.name, name)
    changed = [made.pop(node.name, readers.get(node.name, node)) for node in graph.nodes.values()]
    return graph.with_nodes([*made.values(), *changed]) if made or readers else graph


def _strays(graph: Graph, node: Node, where: Mapping[str, Frame]) -> Iterator[Node]:
    """The Consts outside all loops that a node inside one reads."""
    if not where[node.name] or node.op in ENTERS | EXITS | MERGES:
        return
    for name in dict.fromkeys(map(producer_name, node.data_inputs)):
        if graph.nodes[name].op == "Const" and not where[name]:
            yield graph.nodes[name]


def _edge_inside(node: Node, where: Mapping[str, Frame]) -> str:
    """A control edge from something that a node reads in its own frame: that runs whenever the node does."""
    return "^" + next(name for name in map(producer_name, node.inputs) if where[name] == where[node.name])


def _reading(node: Node, old: str, new: str) -> Node:
    """The node with a tensor that it reads replaced."""
    return replace(node, inputs=tuple(new if t == old else t for t in node.inputs))
