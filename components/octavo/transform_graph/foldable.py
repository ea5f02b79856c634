"""Which nodes of a graph are constant: Consts, and the ops whose value never changes because only constants enter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache

from octavo.graph import Graph, Node, output_index, producer_name
from octavo.graph.op_defs import CONTROL_FLOW, op_def
from octavo.graph.sort import execution_order

UNFOLDABLE_TYPES = ("string", "resource", "variant", "qint8", "quint8", "qint16", "quint16", "qint32")
"""Dtypes that a folded op neither takes nor gives."""


def constant_nodes(graph: Graph, excluded: Iterable[str] = ()) -> Mapping[str, frozenset[str]]:
    """The constant nodes, Consts included, in execution order; with the control edges into all that makes them.

    Args:
        graph: the graph; its inputs are never constant.
        excluded: the names of nodes that count as not constant.
    """
    never = graph.input_names.union(excluded, (producer_name(t) for t in graph.outputs if output_index(t)))
    found: dict[str, frozenset[str]] = {}
    for node in execution_order(graph):
        if node.name in never:
            continue
        makers = [producer_name(t) for t in node.data_inputs]
        if node.op == "Const" or (makers and all(name in found for name in makers) and _is_pure(node)):
            edges = frozenset(node.control_inputs)
            found[node.name] = edges.union(*(found[name] for name in makers)) if makers else edges
    return found


def without_control_edges(graph: Graph, tensors: Iterable[str]) -> Graph:
    """The part of a graph that makes some tensors, which follow data edges from Consts alone; those are its outputs."""
    bare = {name: replace(node, inputs=node.data_inputs) for name, node in graph.nodes.items()}
    return replace(graph, nodes=bare, inputs=(), outputs=tuple(tensors)).without_dead_nodes()


def _is_pure(node: Node) -> bool:
    """Whether an op gives the same values for the same inputs, has no other effect, and can be run safely."""
    if not _op_is_pure(node.op):
        return False
    unfoldable = _unfoldable_enums()
    for value in node.attrs.values():
        kind = value.WhichOneof("value")
        if kind == "func" or (kind == "list" and value.list.func):
            return False
        if kind == "type" and value.type in unfoldable:
            return False
        if kind == "list" and any(t in unfoldable for t in value.list.type):
            return False
    return True


@cache
def _op_is_pure(op: str) -> bool:
    definition = op_def(op)
    if definition is None or definition.is_stateful or op in CONTROL_FLOW or not definition.output_arg:
        return False
    types = {arg.type for arg in (*definition.input_arg, *definition.output_arg)}
    return not types & _unfoldable_enums()


@cache
def _unfoldable_enums() -> frozenset[int]:
    import tensorflow as tf

    return frozenset(tf.dtypes.as_dtype(name).as_datatype_enum for name in UNFOLDABLE_TYPES)
