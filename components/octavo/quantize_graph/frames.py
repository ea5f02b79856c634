"""Nodes inside the frames of while loops, and in the branches of conditionals, where these are nodes of the graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from octavo.graph.graph import Node
from octavo.graph.names import producer_name
from octavo.graph.op_defs import MERGES, SWITCHES

ENTERS = frozenset({"Enter", "RefEnter"})
EXITS = frozenset({"Exit", "RefExit"})


def in_frames(order: Iterable[Node]) -> frozenset[str]:
    """The names of the nodes that run once for each turn of a loop.

    A node outside such a frame cannot feed one inside, so that constants cannot be added to what is inside.

    Args:
        order: the nodes in execution order.
    """
    inside: set[str] = set()
    for node in order:
        if node.op in ENTERS or (node.op not in EXITS and any(producer_name(t) in inside for t in node.inputs)):
            inside.add(node.name)
    return frozenset(inside)


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
