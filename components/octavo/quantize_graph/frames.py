"""Nodes inside the frames of while loops."""

from __future__ import annotations

from collections.abc import Iterable

from octavo.graph.graph import Node
from octavo.graph.names import producer_name

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
