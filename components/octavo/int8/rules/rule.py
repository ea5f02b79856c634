"""What a rule is: of an op between codes, the nodes that compute it on the codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from octavo.graph.graph import Node
from octavo.int8.site import Site
from octavo.int8.spans import Span

Takes = Callable[[Site, Node], bool]
Rewrite = Callable[[Site, str, Node], "Lowered"]


@dataclass(frozen=True, slots=True)
class Lowered:
    """What stands in the place of a node.

    Attributes:
        nodes: the nodes, of which the last has the name of the one that goes.
        span: what the codes that it makes stand for; None where it makes float32.
    """

    nodes: Sequence[Node]
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to compute an op on codes; made by `rule`.

    Attributes:
        name: the rule's.
        takes: whether it is for an op.
        rewrite: makes of the op what is to stand in the place of the node of a name; raises Miss where it does not fit.
        floats: whether that node is the op itself, which float ops read, and not a QuantizeV2 behind it.
    """

    name: str
    takes: Takes
    rewrite: Rewrite
    floats: bool


def rule(takes: Takes, *, floats: bool = False) -> Callable[[Rewrite], Rule]:
    """Make a function a rule; see `Rule`."""
    return lambda rewrite: Rule(rewrite.__name__, takes, rewrite, floats)
