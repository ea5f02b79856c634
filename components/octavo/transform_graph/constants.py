"""The values of small constant expressions, as batch norms spell them: Mul(Rsqrt(Add(variance, epsilon)), gamma)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from octavo.graph import const_value, output_index
from octavo.graph.pattern import Miss
from octavo.graph.tensors import Array
from octavo.graph.workspace import Workspace

DEEPEST = 16
"""Ops one behind the other that an expression may have."""

FUNCTIONS: Mapping[str, Callable[..., Array]] = {
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


def constant(graph: Workspace, tensor: str) -> Array:
    """The value of a tensor that only constants enter.

    Raises:
        Miss: when something else enters it, or the expression is not of the FUNCTIONS above.
    """
    return _value(graph, tensor, DEEPEST)


def _value(graph: Workspace, tensor: str, deepest: int) -> Array:
    node = graph.producer(tensor)
    known = node.op == "Const" or node.op in FUNCTIONS
    if not known or node.control_inputs or output_index(tensor) != 0 or node.name in graph.input_names or not deepest:
        raise Miss(f"{tensor!r} is made by {node.op}; wanted a constant", at=tensor)
    if node.op == "Const":
        return const_value(node)
    values = [_value(graph, t, deepest - 1) for t in node.data_inputs]
    with np.errstate(all="ignore"):
        return FUNCTIONS[node.op](*values)
