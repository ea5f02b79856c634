"""Zeros around rows and columns, written four codes at a time: what stands before the pool of a ResNet.

TensorFlow pads eight-bit codes byte by byte, and 32-bit integers in vectors, some fifty times as fast. Four zero codes
are one zero integer:

    Pad(x)  =  Reshape(Bitcast(Pad(Bitcast(Reshape(x, [-1, ..., channels / 4, 4])))), [-1, ..., channels])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from octavo.graph.attrs import dtype_attr
from octavo.graph.graph import Node
from octavo.graph.miss import Miss
from octavo.graph.tensors import Array, const_node
from octavo.int8.ops import bitcast
from octavo.int8.rules.pads import padded, pads_codes
from octavo.int8.rules.rule import Lowered, rule
from octavo.int8.site import Site

CODES = 4
"""Codes in a 32-bit integer."""


@rule(pads_codes)
def packed_pad(site: Site, name: str, op: Node) -> Lowered:
    """The Pad and what surrounds it."""
    data = padded(site, op)
    shape, paddings = site.declared_shapes[op.data_inputs[0]], site.constant(op.data_inputs[1])
    if shape is None or paddings is None or not _packs(shape, paddings):
        raise Miss("its codes are not known to stay together in fours", at=op.name)
    sizes, dtype = np.array(shape[1:], np.int32), data.span.dtype
    grouped = const_node(f"{name}_grouped_shape", np.array([-1, *sizes[:-1], sizes[-1] // CODES, CODES], np.int32))
    wide = const_node(f"{name}_shape", np.array([-1, *(sizes + paddings[1:].sum(axis=1))], np.int32))
    integers = {"T": dtype_attr("int32"), "Tpaddings": op.attrs["Tpaddings"]}
    reshape = {"T": dtype_attr(dtype), "Tshape": dtype_attr("int32")}
    nodes = [
        grouped,
        wide,
        Node(f"{name}_grouped", "Reshape", (data.codes.tensor, grouped.name, *op.control_inputs), reshape),
        bitcast(f"{name}_integers", f"{name}_grouped", given=dtype, made="int32"),
        Node(f"{name}_padded", "Pad", (f"{name}_integers", op.inputs[1]), integers),
        bitcast(f"{name}_codes", f"{name}_padded", given="int32", made=dtype),
        Node(name, "Reshape", (f"{name}_codes", wide.name), reshape),
    ]
    return Lowered(nodes, data.span)


RULES = (packed_pad,)


def _packs(shape: Sequence[int | None], paddings: Array) -> bool:
    """Whether a Pad of a tensor of a shape, of which only the first axis may be unknown, leaves fours together."""
    if len(shape) < 2 or None in shape[1:]:
        return False
    return not (shape[-1] or 0) % CODES and not np.any(paddings[[0, -1]]) and bool(np.all(paddings >= 0))
