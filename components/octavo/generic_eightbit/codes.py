"""Constants as unsigned eight-bit codes with a range: `low + code * (high - low) / 255`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from octavo.graph.attrs import DType
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.tensors import Array, const_node, const_value
from octavo.int8.checks import FINITE_WEIGHTS, no_kernel

Mode = Literal["MIN_FIRST", "MIN_COMBINED"]
"""How TensorFlow reads the codes; on a range with zero on its grid both say the same numbers."""

STEPS = 255
LEAST_SPAN = 1e-30
"""Narrower ranges are widened to this: their step would be no normal float32."""


@dataclass(frozen=True, slots=True)
class Range:
    """The values of code 0 and code 255; zero is one of the 256 values, so low <= 0 <= high."""

    low: float
    high: float


def nudged(low: float, high: float) -> Range:
    """A range moved so that zero is a code, as TensorFlow's FakeQuant ops move theirs; low < high.

    step = (high - low) / 255; zero = round(-low / step), cut to 0..255; low' = -zero * step; high' = low' + 255 * step.
    """
    step = (high - low) / STEPS
    zero = min(max(math.floor(0.5 - low / step), 0), STEPS)
    return Range(-zero * step, (STEPS - zero) * step)


def range_of(values: Array) -> Range:
    """The range of codes for an array of at least one element, all finite: its least and greatest number, and zero."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    return nudged(low, high if high - low >= LEAST_SPAN else low + LEAST_SPAN)


def encode(values: Array, span: Range) -> Array:
    """The nearest codes, uint8, halves away from zero; what is outside the range goes to its end.

    A number between those that `range_of` made the range from is off by half a step at most.
    """
    step = (span.high - span.low) / STEPS
    steps = np.asarray(values, np.float64) / step
    whole = np.copysign(np.floor(np.abs(steps) + 0.5), steps)
    codes: Array = np.clip(whole - round(span.low / step), 0, STEPS).astype(np.uint8)
    return codes


def check_values(values: Array, reader: Node, of: str = "") -> None:
    """Confirm that an array has codes.

    Args:
        values: the array.
        reader: the node to be blamed.
        of: what the reason begins with, where the array is another node's.

    Raises:
        Miss: when it has none.
    """
    if not values.size:
        raise no_kernel(reader, f"{of}it is empty")
    if not np.all(np.isfinite(values)):
        count = np.count_nonzero(~np.isfinite(values))
        raise no_kernel(reader, f"{of}{count} of its {values.size} values are NaN or infinite", FINITE_WEIGHTS)
    if float(values.max()) - min(float(values.min()), 0.0) > float(np.finfo(np.float32).max):
        raise no_kernel(
            reader, f"{of}its range is wider than a float32 can say", "scale the constant down in the model"
        )


def check_input(graph: Graph, reader: Node, tensor: str) -> None:
    """Confirm that what a node reads has codes, if it is a Const. Raises Miss."""
    const = graph.nodes[producer_name(tensor)]
    if const.op == "Const":
        check_values(const_value(const), reader, of=f"of its input {const.name!r}: ")


def quantized_const(node: Node, values: Array, mode: Mode, span: Range | None = None) -> list[Node]:
    """The four nodes in place of a Const `W`: W_quint8_const, W_min, W_max, and their Dequantize under its name.

    Args:
        node: the node whose name, device and control inputs they take.
        values: float32, without a fault.
        mode: how the Dequantize reads the codes.
        span: the range; the values' own where left out.
    """
    span = span or range_of(values)
    codes, low, high = f"{node.name}_quint8_const", f"{node.name}_min", f"{node.name}_max"
    consts = [
        const_node(codes, encode(values, span), "quint8"),
        const_node(low, np.float32(span.low)),
        const_node(high, np.float32(span.high)),
    ]
    placed = [Node(n.name, n.op, node.control_inputs, n.attrs, node.device) for n in consts]
    return [*placed, dequantize(node.name, (codes, low, high), mode=mode, device=node.device)]


def quantize(name: str, inputs: tuple[str, str, str], *, device: str = "") -> Node:
    """QuantizeV2 of (tensor, low, high) to quint8, MIN_FIRST.

    TensorFlow's `ensure_minimum_range` of 0.01 would spend the codes of a tensor of small numbers on a range that it
    does not have; 0 divides by zero where a tensor is all zeros.
    """
    attrs = {
        "T": DType("quint8"),
        "mode": "MIN_FIRST",
        "round_mode": "HALF_AWAY_FROM_ZERO",
        "narrow_range": False,
        "axis": -1,
        "ensure_minimum_range": 1e-9,
    }
    return Node(name, "QuantizeV2", inputs, attrs, device)


def dequantize(name: str, inputs: tuple[str, str, str], *, mode: Mode = "MIN_FIRST", device: str = "") -> Node:
    """Dequantize of (quint8 codes, low, high) to float32."""
    attrs = {
        "T": DType("quint8"),
        "mode": mode,
        "narrow_range": False,
        "axis": -1,
        "dtype": DType("float32"),
    }
    return Node(name, "Dequantize", inputs, attrs, device)
