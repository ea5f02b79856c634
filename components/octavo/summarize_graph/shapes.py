"""Shapes as TensorFlow's PartialTensorShape prints them."""

from __future__ import annotations

from octavo.graph.attrs import TensorShape

MOST_DIMENSIONS = 254
MOST_ELEMENTS = 2**63 - 1


def shape_text(shape: TensorShape) -> str:
    """The text of a shape: "[?,224,224,3]", "<unknown>", or what is wrong with it."""
    return why_invalid(shape) or _debug_string(shape)


def why_invalid(shape: TensorShape) -> str:
    """What is wrong with a shape, in TensorFlow's words; "" when nothing."""
    if shape.unknown_rank:
        return "An unknown shape must not have any dimensions set." if shape.sizes else ""
    if len(shape.sizes) > MOST_DIMENSIONS:
        return f"Shape {_debug_string(shape)} has too many dimensions"
    elements = 1
    for size in shape.sizes:
        if size is not None and size < 0:
            return f"Shape {_debug_string(shape)} has dimensions with values below -1 (where -1 means unknown)"
        if size is None or elements < 0:
            elements = -1
            continue
        elements *= size
        if elements > MOST_ELEMENTS:
            return f"Shape {_debug_string(shape)} is too large (more than 2**63 - 1 entries)"
    return ""


def _debug_string(shape: TensorShape) -> str:
    if shape.unknown_rank:
        return "<unknown>"
    return f"[{','.join('?' if size is None else str(size) for size in shape.sizes)}]"
