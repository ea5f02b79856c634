"""The values of constant arithmetic, as batch norms spell it: Mul(Rsqrt(Add(variance, epsilon)), gamma)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest

import numpy as np

from octavo.graph import Graph, Node, const_value, output_index
from octavo.graph.miss import Miss
from octavo.graph.tensors import Array
from octavo.graph.workspace import Workspace

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
