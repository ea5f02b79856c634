"""A rule is a pattern, an anchor and a function; `apply_rules` rewrites a graph and keeps every miss."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from octavo.graph.graph import Graph
from octavo.graph.miss import Miss
from octavo.graph.pattern import Match, Op, match_at, spine_of
from octavo.graph.sort import execution_order
from octavo.graph.workspace import Edit, Workspace

__all__ = ["Edit", "Match", "Miss", "Outcome", "Rule", "apply_rules", "rule"]

Rewrite = Callable[[Match], Edit]
Misses = Mapping[str, Sequence[tuple[str, Miss]]]
"""Node -> the rules that did not apply there, with the reason, in order."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rule:
    """A named rewrite of what a pattern matches around an anchor; made by `rule`."""

    name: str
    spine: tuple[Op, ...]
    rewrite: Rewrite

    @property
    def anchors(self) -> frozenset[str]:
        """The op types that the rule is tried at."""
        return self.spine[0].types


def rule(pattern: Op, *, anchor: str) -> Callable[[Rewrite], Rule]:
    """Make a function from match to edit a rule.

    The function raises Miss where the rule does not apply.
    """
    spine = spine_of(pattern, anchor)
    return lambda rewrite: Rule(rewrite.__name__, spine, rewrite)


@dataclass(frozen=True, slots=True)
class Outcome:
    """A rewritten graph.

    Args:
        graph: the graph after all edits.
        applied: anchor's name -> the names of the rules that applied there, in order.
        missed: name of an anchor that remains -> the rules that did not apply, with the reason, in order.
    """

    graph: Graph
    applied: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missed: Misses = field(default_factory=dict)

    def then(self, later: Outcome) -> Outcome:
        """This and what was done to its graph afterwards."""
        return Outcome(later.graph, _joined(self.applied, later.applied), _joined(self.missed, later.missed))

    def reason(self, anchor: str) -> tuple[str, Miss]:
        """The rule that came nearest to applying at an anchor, and why it did not."""
        return max(self.missed[anchor], key=lambda miss: miss[1].bound)


def _joined(first: Mapping[str, Sequence[T]], second: Mapping[str, Sequence[T]]) -> dict[str, Sequence[T]]:
    return {name: (*first.get(name, ()), *second.get(name, ())) for name in {**first, **second}}


def apply_rules(graph: Graph, rules: Sequence[Rule]) -> Outcome:
    """Try every rule, in order, at every anchor, in execution order; the first that applies there wins.

    Nodes that an edit adds are tried in their turn, so that a rule's result may be matched again: rules must
    come to an end. Of two anchors that meet (two convs summed by one Add), the first in execution order takes
    what they share.
    """
    space = Workspace(graph)
    applied: dict[str, list[str]] = {}
    missed: dict[str, list[tuple[str, Miss]]] = {}
    makers: dict[str, str] = {}
    anchors = frozenset[str]().union(*(each.anchors for each in rules))
    todo = deque(node.name for node in execution_order(graph) if node.op in anchors)
    while todo:
        name = todo.popleft()
        if name not in space.nodes:
            continue
        missed[name] = []
        for each in (r for r in rules if space.nodes[name].op in r.anchors):
            edit = _try(space, each, name)
            if isinstance(edit, Miss):
                missed[name].append((each.name, _with_maker(edit, makers)))
                continue
            space.apply(edit)
            applied.setdefault(name, []).append(each.name)
            makers |= {node.name: f"{each.name} at {name!r}" for node in edit.add}
            todo.extend(node.name for node in edit.add if node.op in anchors)
            del missed[name]
            break
    left = {name: reasons for name, reasons in missed.items() if name in space.nodes}
    return Outcome(space.graph(), applied, left)


def _try(space: Workspace, each: Rule, name: str) -> Edit | Miss:
    bound = 0
    try:
        found = match_at(space, each.spine, space.nodes[name])
        bound = len(found.nodes)
        return each.rewrite(found)
    except Miss as miss:
        miss.bound = max(miss.bound, bound)
        return miss


def _with_maker(miss: Miss, makers: Mapping[str, str]) -> Miss:
    """The miss; where another rule's result was in the way, with that rule and its anchor named."""
    if miss.at not in makers:
        return miss
    reason = f"{miss.reason}, made by {makers[miss.at]}"
    told = Miss(reason, at=miss.at, kind=miss.kind, way_out=miss.way_out)
    told.bound = miss.bound
    return told
