"""Zeros around rows and columns, written four codes at a time: what stands before the pool of a ResNet.

TensorFlow pads eight-bit codes byte by byte, and 32-bit integers in vectors, some fifty times as fast. Four zero codes
are one zero integer:

    Pad(x)  =  Reshape(Bitcast(Pad(Bitcast(Reshape(x, [-1, ..., channels / 4, 4])))), [-1, ..., channels])
"""

from __future__ import annotations

import numpy as np

from octavo.graph.attrs import dtype_attr
from octavo.graph.graph import Node
from octavo.graph.tensors import Array, const_node
from octavo.int8.ops import Codes, bitcast
from octavo.runtime.shapes import Shape

CODES = 4
"""Codes in a 32-bit integer."""


def packs(shape: Shape, paddings: Array) -> bool:
    """Whether a Pad of a tensor of a shape, of which only the first axis may be unknown, leaves fours together."""
    if shape is None or len(shape) < 2 or None in shape[1:]:
        return False
    return not (shape[-1] or 0) % CODES and not np.any(paddings[[0, -1]]) and bool(np.all(paddings >= 0))


def packed_pad(name: str, pad: Node, codes: Codes, shape: Shape, paddings: Array) -> list[Node]:
    """The Pad and what surrounds it, for a shape that packs; the last node is named `name`."""
    assert shape is not None
    sizes = np.array(shape[1:], np.int32)
    grouped = const_node(f"{name}_grouped_shape", np.array([-1, *sizes[:-1], sizes[-1] // CODES, CODES], np.int32))
    wide = const_node(f"{name}_shape", np.array([-1, *(sizes + paddings[1:].sum(axis=1))], np.int32))
    integers = {"T": dtype_attr("int32"), "Tpaddings": pad.attrs["Tpaddings"]}
    reshape = {"T": dtype_attr(codes.dtype), "Tshape": dtype_attr("int32")}
    return [
        grouped,
        wide,
        Node(f"{name}_grouped", "Reshape", (codes.tensor, grouped.name, *pad.control_inputs), reshape),
        bitcast(f"{name}_integers", f"{name}_grouped", given=codes.dtype, made="int32"),
        Node(f"{name}_padded", "Pad", (f"{name}_integers", pad.inputs[1]), integers),
        bitcast(f"{name}_codes", f"{name}_padded", given="int32", made=codes.dtype),
        Node(name, "Reshape", (f"{name}_codes", wide.name), reshape),
    ]
