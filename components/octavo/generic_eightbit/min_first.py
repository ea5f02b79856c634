"""The eight-bit encoding of TensorFlow's generic path: quint8 codes in MIN_FIRST mode, between a low and a high value.

With scale = 255 / (high - low), a value x has the code round(x * scale) - round(low * scale), halves rounded away from
zero, and a code c stands for (c + round(low * scale)) / scale: zero has a code of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from octavo.graph import Node, const_node
from octavo.graph.attrs import DType
from octavo.graph.tensors import Array

MODE = "MIN_FIRST"
DTYPE = "quint8"


def value_range(value: Array) -> tuple[float, float]:
    """The lowest and the highest value of a float32 array, 0 included; never equal.

    Of all zeros it is 0 to 1.
    """
    low, high = min(float(value.min()), 0.0), max(float(value.max()), 0.0)
    return (low, high) if low < high else (low, low + 1)


def codes(value: Array, low: float, high: float) -> Array:
    """The codes of a float32 array, uint8 of its shape; what lies beyond the range gets the nearest code."""
    scale = 255 / (high - low)
    shifted = _rounded(value.astype(np.float64) * scale) - _rounded(np.array(low * scale))
    return np.asarray(np.clip(shifted, 0, 255), np.uint8)


def encoded(node: Node, value: Array, *, names: tuple[str, str, str]) -> tuple[Node, Node, Node]:
    """The Consts of a float Const's codes, lowest and highest value; all wait for what the Const waits for.

    Args:
        node: the float Const.
        value: its value, float32 of any shape.
        names: the new Consts' names.
    """
    low, high = value_range(value)
    consts = (
        const_node(names[0], codes(value, low, high), DTYPE),
        const_node(names[1], np.float32(low)),
        const_node(names[2], np.float32(high)),
    )
    first, second, third = (replace(const, inputs=node.control_inputs, device=node.device) for const in consts)
    return first, second, third


def dequantize(name: str, tensors: tuple[str, str, str], *, control: tuple[str, ...] = (), device: str = "") -> Node:
    """A node that makes float32 of codes, lowest and highest value."""
    attrs = {"T": DType(DTYPE), "mode": MODE}
    return Node(name, "Dequantize", (*tensors, *control), attrs, device)


def _rounded(value: Array) -> Array:
    return np.asarray(np.sign(value) * np.floor(np.abs(value) + 0.5))
