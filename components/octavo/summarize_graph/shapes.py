"""Shapes as TensorFlow's PartialTensorShape prints them."""

from __future__ import annotations

from typing import Any

MOST_DIMENSIONS = 254
MOST_ELEMENTS = 2**63 - 1


def shape_text(shape: Any) -> str:
    """The text of a TensorShapeProto: "[?,224,224,3]", "<unknown>", or what is wrong with it."""
    return why_invalid(shape) or _debug_string(shape)


def why_invalid(shape: Any) -> str:
    """What is wrong with a TensorShapeProto, in TensorFlow's words; "" when nothing."""
    sizes = [dim.size for dim in shape.dim]
    if shape.unknown_rank:
        return "An unknown shape must not have any dimensions set." if sizes else ""
    if len(sizes) > MOST_DIMENSIONS:
        return f"Shape {_debug_string(shape)} has too many dimensions"
    elements = 1
    for size in sizes:
        if size < -1:
            return f"Shape {_debug_string(shape)} has dimensions with values below -1 (where -1 means unknown)"
        if size == -1 or elements < 0:
            elements = -1
            continue
        elements *= size
        if elements > MOST_ELEMENTS:
            return f"Shape {_debug_string(shape)} is too large (more than 2**63 - 1 entries)"
    return ""


def _debug_string(shape: Any) -> str:
    if shape.unknown_rank:
        return "<unknown>"
    return f"[{','.join('?' if dim.size == -1 else str(dim.size) for dim in shape.dim)}]"
