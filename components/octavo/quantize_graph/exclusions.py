"""The recipe's rules about what stays FP32."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from octavo.errors import RecipeError
from octavo.graph.graph import Node
from octavo.int8.chain import ANCHORS
from octavo.quantize_graph.carriers import CARRIERS
from octavo.recipe import Recipe


class Exclusions:
    """The exclusions of a recipe, checked against a graph.

    Raises:
        RecipeError: when a rule matches no node that could be INT8; the message lists near names.
    """

    def __init__(self, recipe: Recipe, nodes: Sequence[Node]) -> None:
        candidates = [n for n in nodes if n.op in ANCHORS | CARRIERS.keys()]
        self._ops = recipe.excluded_ops
        self._patterns = [_compiled(text) for text in recipe.excluded_nodes]
        for op in self._ops:
            _demand(op, {n.op for n in candidates}, "excluded_ops", any(n.op == op for n in candidates))
        for pattern in self._patterns:
            matched = any(pattern.fullmatch(n.name) for n in candidates)
            _demand(pattern.pattern, {n.name for n in candidates}, "excluded_nodes", matched)

    def rule_for(self, node: Node) -> str | None:
        """The rule that keeps a node FP32, as words; None when there is none."""
        if node.op in self._ops:
            return f"recipe: excluded_ops has {node.op!r}"
        found = next((p for p in self._patterns if p.fullmatch(node.name)), None)
        return None if found is None else f"recipe: excluded_nodes has {found.pattern!r}"


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as fault:
        raise RecipeError(f"excluded_nodes: {text!r} is no regular expression: {fault}") from fault


def _demand(rule: str, names: set[str], where: str, matched: bool) -> None:
    if matched:
        return
    near = difflib.get_close_matches(rule, sorted(names), n=3, cutoff=0.5)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise RecipeError(f"{where}: {rule!r} matches none of the {len(names)} nodes or ops that could be INT8{hint}")
