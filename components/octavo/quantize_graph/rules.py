"""The recipe's rules about single nodes: which stay FP32, and what is different for some."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

from octavo.errors import RecipeError
from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.int8.chain import ANCHORS
from octavo.int8.rules.average import AVERAGES
from octavo.quantize_graph.carriers import CARRIERS
from octavo.quantize_graph.layers import first_layers, last_layers
from octavo.recipe import Override, Recipe


class Rules:
    """A recipe's rules, checked against a graph.

    Args:
        recipe: the recipe.
        graph: the float graph.
        order: its nodes in execution order.

    Raises:
        RecipeError: when a rule matches no node that could be INT8; the message lists near names.
    """

    def __init__(self, recipe: Recipe, graph: Graph, order: Sequence[Node]) -> None:
        self._recipe = recipe
        self._first = first_layers(graph, order) if recipe.first_layer == "fp32" else frozenset()
        self._last = last_layers(order) if recipe.last_layer == "fp32" else frozenset()
        _check(recipe, [n for n in order if n.op in ANCHORS | CARRIERS | AVERAGES])

    def check(self, node: Node) -> None:
        """Confirm that no rule keeps a node FP32.

        Raises:
            Miss: when one does; the reason begins with "recipe".
        """
        rule = self._exclusion(node)
        if rule is not None:
            way_out = "take the rule out of the recipe, or add an override for this node with precision: int8"
            raise Miss(f"recipe: {rule}", at=node.name, kind="excluded", way_out=way_out)

    def _exclusion(self, node: Node) -> str | None:
        """The rule that keeps a node FP32."""
        for index, rule in self._overrides(node):
            if rule.precision is not None:
                told = f"overrides[{index}] (nodes: {rule.nodes!r}) has precision: fp32"
                return told if rule.precision == "fp32" else None
        if node.op in self._recipe.excluded_ops:
            return f"excluded_ops has {node.op!r}"
        for text in self._recipe.excluded_nodes:
            if re.fullmatch(text, node.name):
                return f"excluded_nodes has {text!r}"
        if node.name in self._first:
            return "first_layer is fp32"
        return "last_layer is fp32" if node.name in self._last else None

    def per_channel(self, node: Node) -> bool:
        """Whether an anchor has a weight scale for each output channel."""
        return _first_said((rule.per_channel for _, rule in self._overrides(node)), self._recipe.per_channel)

    def signed_inputs(self, node: Node) -> bool:
        """Whether an anchor may be quantized although its input may be negative."""
        return _first_said((rule.signed_inputs for _, rule in self._overrides(node)), self._recipe.signed_inputs)

    def name(self, node: Node) -> bool:
        """Whether any rule is about a node, so that nothing may become of it but what the rule says."""
        return self._exclusion(node) is not None or bool(self._overrides(node))

    def _overrides(self, node: Node) -> list[tuple[int, Override]]:
        """The overrides that match a node, the last first, each with its place in the recipe."""
        matching = [(i, rule) for i, rule in enumerate(self._recipe.overrides) if re.fullmatch(rule.nodes, node.name)]
        return matching[::-1]


def _first_said(values: Iterable[bool | None], otherwise: bool) -> bool:
    return next((value for value in values if value is not None), otherwise)


def _check(recipe: Recipe, candidates: Sequence[Node]) -> None:
    """Confirm that every rule matches a node that could be INT8."""
    every = {n.name for n in candidates}
    anchors = {n.name for n in candidates if n.op in ANCHORS}
    ops = {n.op for n in candidates}
    for op in recipe.excluded_ops:
        _demand(op, ops, "excluded_ops", "op types that could be INT8", matched=op in ops)
    for text in recipe.excluded_nodes:
        _demand_match(text, every, "excluded_nodes", "nodes that could be INT8")
    for index, rule in enumerate(recipe.overrides):
        where = f"overrides[{index}]"
        if rule.precision is not None:
            _demand_match(rule.nodes, every, where, "nodes that could be INT8")
        if rule.per_channel is not None or rule.signed_inputs is not None:
            _demand_match(rule.nodes, anchors, where, "convs and matmuls")


def _demand_match(pattern: str, names: set[str], where: str, what: str) -> None:
    _demand(pattern, names, where, what, matched=any(re.fullmatch(pattern, name) for name in names))


def _demand(rule: str, names: set[str], where: str, what: str, *, matched: bool) -> None:
    if matched:
        return
    near = difflib.get_close_matches(rule, sorted(names), n=3, cutoff=0.5)
    hint = f"; near: {', '.join(near)}" if near else ""
    raise RecipeError(f"{where}: {rule!r} matches none of the {len(names)} {what}{hint}")
