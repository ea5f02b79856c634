"""The activations that a kernel can compute, as one op or spelled out in several.

A spelled-out one is known by what it computes, not by how it is written: the elementwise ops behind a tensor are
evaluated on a grid of values and compared with the kernels' functions.

    GeluExact(x)       = x / 2 * (1 + erf(x / sqrt(2)))
    GeluApproximate(x) = x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))

(Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from octavo.graph.graph import Node
from octavo.graph.names import producer_name
from octavo.graph.tensors import Array, const_value

MOST_NODES = 16
"""Nodes that an activation is written in, at most."""

TOLERANCE = 1e-5
"""Largest difference from a known function, relative to the larger of 1 and |x|: constants are rounded in many ways."""

GRID = np.concatenate([np.linspace(-8, 8, 161), [-30.0, 30.0]])


@dataclass(frozen=True, slots=True)
class Activation:
    """What follows the sums of a kernel.

    Attributes:
        kind: the function, as `fused_ops` names it.
        nodes: the nodes that compute it, the one whose output it is last.
        alpha: the slope of a LeakyRelu below zero.
    """

    kind: str
    nodes: tuple[Node, ...]
    alpha: float = 0.2


def single(node: Node) -> Activation:
    """An activation that is one op."""
    return Activation(node.op, (node,), node.number("alpha") if node.op == "LeakyRelu" else 0.2)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is around a node, of a graph or of one that is being edited.

    Attributes:
        nodes: name -> node.
        readers: the nodes that read a node, by its name.
        outputs: the names of the nodes that the caller fetches.
    """

    nodes: Mapping[str, Node]
    readers: Callable[[str], Sequence[Node]]
    outputs: Collection[str]


def spelled_out(around: Surroundings, start: Node) -> Activation | None:
    """The Gelu that is spelled out behind a node; None when there is none, or something else reads its parts."""
    values: dict[str, Array] = {start.name: GRID}
    nodes: list[Node] = []
    found = None
    while len(nodes) < MOST_NODES and (node := _next(around, values)) is not None:
        operands = [_operand(around, t, values) for t in node.data_inputs]
        with np.errstate(all="ignore"):
            values[node.name] = FUNCTIONS[node.op](*operands)
        nodes.append(node)
        if _open(around, values) == [node.name] and (kind := _kind(values[node.name])):
            found = Activation(kind, tuple(nodes))
    return found


def _next(around: Surroundings, values: Mapping[str, Array]) -> Node | None:
    """A reader of what is computed so far that can be computed as well."""
    for name in values:
        if name in around.outputs:
            continue
        for reader in around.readers(name):
            if reader.name not in values and _computable(around, reader, values):
                return reader
    return None


def _computable(around: Surroundings, node: Node, values: Mapping[str, Array]) -> bool:
    known = node.op in FUNCTIONS and not node.control_inputs
    return known and all(_operand(around, t, values) is not None for t in node.data_inputs)


def _operand(around: Surroundings, tensor: str, values: Mapping[str, Array]) -> Array | None:
    """A computed tensor, or a scalar constant; None for anything else."""
    if tensor in values:
        return values[tensor]
    node = around.nodes[producer_name(tensor)]
    if node.op != "Const":
        return None
    value = const_value(node)
    return value.astype(np.float64).reshape(()) if value.size == 1 and value.ndim <= 1 else None


def _open(around: Surroundings, values: Mapping[str, Array]) -> list[str]:
    """The computed nodes that something else reads, or that the caller fetches."""
    return [name for name in values if name in around.outputs or not _stays_inside(around.readers(name), values)]


def _stays_inside(readers: Sequence[Node], values: Mapping[str, Array]) -> bool:
    return bool(readers) and all(reader.name in values for reader in readers)


def _kind(values: Array) -> str | None:
    room = TOLERANCE * np.maximum(1, np.abs(GRID))
    return next((kind for kind, wanted in _KNOWN.items() if np.all(np.abs(values - wanted) <= room)), None)


def _each(function: Callable[[float], float]) -> Callable[[Array], Array]:
    return lambda x: np.array([function(float(v)) for v in x.reshape(-1)]).reshape(x.shape)


FUNCTIONS: Mapping[str, Callable[..., Array]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Erf": _each(math.erf),
    "Erfc": _each(math.erfc),
    "Mul": np.multiply,
    "Neg": np.negative,
    "Pow": np.power,
    "RealDiv": np.divide,
    "Square": np.square,
    "Sub": np.subtract,
    "Tanh": np.tanh,
}
"""The ops that a Gelu is written with, on float64."""

_KNOWN = {
    "GeluExact": GRID / 2 * (1 + FUNCTIONS["Erf"](GRID / math.sqrt(2))),
    "GeluApproximate": GRID / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (GRID + 0.044715 * GRID**3))),
}
