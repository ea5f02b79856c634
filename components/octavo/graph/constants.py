"""What is constant in a graph: Consts, the ops that only constants enter, and the values of arithmetic on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import zip_longest
from typing import Any

import numpy as np

from octavo.graph.attrs import DType, Function, numbered_dtype, plain_of
from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.names import output_index, producer_name
from octavo.graph.op_defs import CONTROL_FLOW
from octavo.graph.registry import op_def
from octavo.graph.sort import execution_order
from octavo.graph.tensors import Array, const_value
from octavo.graph.workspace import Workspace

UNFOLDABLE_TYPES = ("string", "resource", "variant", "qint8", "quint8", "qint16", "quint16", "qint32")
"""Dtypes that a folded op neither takes nor gives."""

_FED = frozenset({"PlaceholderWithDefault"})
"""Ops that a caller may feed although they have an input."""

DEEPEST = 16
"""Ops one behind the other that an expression may have."""

ARITHMETIC: Mapping[str, Callable[..., Array]] = {
    "Identity": np.asarray,
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Neg": np.negative,
    "Sqrt": np.sqrt,
    "Rsqrt": lambda x: np.asarray(1, x.dtype) / np.sqrt(x),
    "Square": np.square,
    "Reshape": np.reshape,
}
"""Op type -> its function of arrays, in the arrays' own dtype."""

GROWING = frozenset({"Add", "AddV2", "Sub", "Mul", "RealDiv"})
"""The ops among these whose operands may be broadcast, so that the result is larger than either."""


def constant_nodes(order: Iterable[Node]) -> frozenset[str]:
    """The names of the Consts and of all that is computed from nothing but Consts.

    TensorFlow folds them when it loads a graph, so that their tensors have no buffers of their own to write to.

    Args:
        order: the nodes in execution order.
    """
    found: set[str] = set()
    for node in order:
        computed = node.data_inputs and all(producer_name(t) in found for t in node.data_inputs)
        if node.op == "Const" or (computed and node.op not in _FED and _is_pure(node.op)):
            found.add(node.name)
    return frozenset(found)


def foldable_nodes(graph: Graph, excluded: Iterable[str] = ()) -> Mapping[str, frozenset[str]]:
    """The nodes that folding makes Consts, and the Consts, in execution order, with control edges into their makers.

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
        if node.op == "Const" or (makers and all(name in found for name in makers) and _is_foldable(node)):
            edges = frozenset(node.control_inputs)
            found[node.name] = edges.union(*(found[name] for name in makers)) if makers else edges
    return found


def without_control_edges(graph: Graph, tensors: Iterable[str]) -> Graph:
    """The part of a graph that makes some tensors, which follow data edges from Consts alone; those are its outputs."""
    bare = {name: replace(node, inputs=node.data_inputs) for name, node in graph.nodes.items()}
    return replace(graph, nodes=bare, inputs=(), outputs=tuple(tensors)).without_dead_nodes()


def constant(graph: Workspace, tensor: str) -> Array:
    """The value of a tensor that only constants enter.

    Raises:
        Miss: when something else enters it, or the expression is not of ARITHMETIC.
    """
    return _value(graph, tensor, DEEPEST)


def computed(graph: Graph, names: Iterable[str], *, limit: int) -> Mapping[str, Array]:
    """The values of constant nodes, as far as they are Consts and ARITHMETIC on those.

    Args:
        graph: the graph.
        names: constant nodes, in execution order.
        limit: the largest value to compute, in bytes; what is larger is left out, with all that it enters.
    """
    values: dict[str, Array] = {}
    for name in names:
        node = graph.nodes[name]
        if node.op == "Const":
            values[name] = const_value(node)
        elif node.op in ARITHMETIC and all(t in values for t in node.data_inputs):
            operands = [values[t] for t in node.data_inputs]
            value = _apply(node, operands) if _size(node, operands) <= limit else None
            if value is not None:
                values[name] = value
    return values


def _is_foldable(node: Node) -> bool:
    """Whether an op gives the same values for the same inputs, has no other effect, and can be run safely."""
    if not _takes_and_gives_plain_types(node.op):
        return False
    return all(map(_is_foldable_attr, node.attrs.values()))


def _is_foldable_attr(value: Any) -> bool:
    """Whether an attribute neither calls a function nor is of an unfoldable type."""
    plain = plain_of(value)
    elements = plain if isinstance(plain, tuple) else (plain,)
    calls = plain is None or any(isinstance(e, Function) for e in elements)
    return not calls and not any(isinstance(e, DType) and e in UNFOLDABLE_TYPES for e in elements)


@cache
def _takes_and_gives_plain_types(op: str) -> bool:
    definition = op_def(op)
    if definition is None or not _is_pure(op) or not definition.output_arg:
        return False
    args = (*definition.input_arg, *definition.output_arg)
    return not any(numbered_dtype(arg.type) in UNFOLDABLE_TYPES for arg in args)


@cache
def _is_pure(op: str) -> bool:
    """Whether an op type gives the same outputs for the same inputs, each time."""
    definition = op_def(op)
    return definition is not None and not definition.is_stateful and op not in CONTROL_FLOW


def _value(graph: Workspace, tensor: str, deepest: int) -> Array:
    node = graph.producer(tensor)
    known = node.op == "Const" or node.op in ARITHMETIC
    if not known or node.control_inputs or output_index(tensor) != 0 or node.name in graph.input_names or not deepest:
        raise Miss(f"{tensor!r} is made by {node.op}; wanted a constant", at=tensor)
    if node.op == "Const":
        return const_value(node)
    value = _apply(node, [_value(graph, t, deepest - 1) for t in node.data_inputs])
    if value is None:
        raise Miss(f"{node.op} {node.name!r} cannot be computed", at=node.name)
    return value


def _apply(node: Node, operands: Sequence[Array]) -> Array | None:
    """An op's result; None where numpy cannot say it, and TensorFlow may know better."""
    with np.errstate(all="ignore"):
        try:
            result = np.asarray(ARITHMETIC[node.op](*operands))
        except (ValueError, TypeError):
            return None
    return result if result.dtype == operands[0].dtype else None


def _size(node: Node, operands: Sequence[Array]) -> int:
    """The bytes of an op's result, at most."""
    if node.op not in GROWING:
        return operands[0].nbytes
    sizes = zip_longest(*(each.shape[::-1] for each in operands), fillvalue=1)
    elements = math.prod(int(max(pair)) for pair in sizes)
    return elements * operands[0].itemsize
