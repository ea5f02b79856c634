"""What only moves values moves the codes, whose range stays what it was, whatever was measured behind the op."""

from __future__ import annotations

from dataclasses import replace

from octavo.graph.attrs import DType
from octavo.graph.graph import Node
from octavo.int8.ops import bitcast
from octavo.int8.rules.rule import Lowered, reads_codes, rule
from octavo.int8.site import Site

MOVERS = frozenset({"Reshape", "Squeeze", "StridedSlice"})
PLAIN_MOVERS = frozenset({"Transpose", "ResizeNearestNeighbor", "DepthToSpace", "SpaceToDepth"})
"""Ops that TensorFlow has for plain integers, and not for quantized types."""


@rule(reads_codes(*MOVERS))
def moved(site: Site, name: str, op: Node) -> Lowered:
    """The same op on the codes."""
    data = site.operand(op.data_inputs[0])
    return Lowered([on_codes(op, name, data.codes.tensor, data.span.dtype)], data.span)


@rule(reads_codes(*PLAIN_MOVERS))
def moved_as_integers(site: Site, name: str, op: Node) -> Lowered:
    """The same op on the codes as plain integers, between two Bitcasts."""
    data = site.operand(op.data_inputs[0])
    dtype, plain = data.span.dtype, data.span.dtype.removeprefix("q")
    bits, there = f"{name}_bits", f"{name}_moved_bits"
    nodes = [
        bitcast(bits, data.codes.tensor, given=dtype, made=plain),
        on_codes(op, there, bits, plain),
        bitcast(name, there, given=plain, made=dtype),
    ]
    return Lowered(nodes, data.span)


RULES = (moved, moved_as_integers)


def on_codes(mover: Node, name: str, tensor: str, dtype: str) -> Node:
    """The op, as it moves integers of a dtype."""
    return replace(mover, name=name, inputs=(tensor, *mover.inputs[1:])).with_attrs(T=DType(dtype))
