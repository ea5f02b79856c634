"""What the codes of a quantized tensor mean, once its range is a constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from octavo.errors import GraphError
from octavo.graph.graph import Graph, Node
from octavo.graph.names import output_index, producer_name
from octavo.graph.tensors import const_value
from octavo.int8.encoding import MIN_MAGNITUDE

EIGHT_BITS = frozenset({"quint8", "qint8"})


@dataclass(frozen=True, slots=True)
class Span:
    """The values that a tensor's codes stand for.

    Attributes:
        dtype: "quint8" or "qint8".
        low: the kernels' smallest value: 0 for quint8, -high for qint8.
        high: the value of the largest code.
        shift: what the tensor holds more than the true value: the codes stand for value + shift.
    """

    dtype: str
    low: float
    high: float
    shift: float = 0.0


def span_of(graph: Graph, quantize: Node) -> Span | None:
    """The span of a QuantizeV2's output; None while its range is not a constant.

    Raises:
        GraphError: when a frozen range is NaN, infinite, or upside down.
    """
    low, high = (constant_scalar(graph, t) for t in quantize.data_inputs[1:3])
    if low is None or high is None:
        return None
    if not (abs(low) < float("inf") and abs(high) < float("inf")):  # False for NaN as well
        raise GraphError(f"the range of {quantize.name!r} is [{low}, {high}]; wanted finite numbers")
    if low > high:
        raise GraphError(f"the range of {quantize.name!r} is [{low}, {high}]; wanted the smaller number first")
    dtype = quantized_dtype(quantize)
    if quantize.text("mode") == "MIN_FIRST":
        return Span(dtype, 0.0, max(high - low, MIN_MAGNITUDE), shift=-low)
    if dtype == "quint8":
        return Span(dtype, 0.0, max(high, MIN_MAGNITUDE))
    magnitude = max(abs(low), abs(high), MIN_MAGNITUDE)
    return Span(dtype, -magnitude, magnitude)


def quantized_dtype(node: Node) -> str:
    """The dtype of the codes that a QuantizeV2 makes or a Dequantize reads, e.g. "quint8"."""
    return node.dtype("T")


def constant_scalar(graph: Graph, tensor: str) -> float | None:
    """The value of a float32 scalar that is computed from Consts alone; None for anything else."""
    value = _scalar(graph, tensor)
    return None if value is None else float(value)


SCALAR_OPS: Mapping[str, Callable[..., np.floating]] = {
    "AddV2": np.add,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Rint": np.rint,
    "Sub": np.subtract,
}
"""The scalar arithmetic that quantize_graph writes between a measured range and a QuantizeV2."""


def _scalar(graph: Graph, tensor: str) -> np.floating | None:
    node = graph.nodes[producer_name(tensor)]
    if node.op == "Const" and output_index(tensor) == 0:
        return np.float32(const_value(node).reshape(()))
    if node.op not in SCALAR_OPS:
        return None
    operands = [_scalar(graph, t) for t in node.data_inputs]
    return None if any(o is None for o in operands) else SCALAR_OPS[node.op](*operands)
