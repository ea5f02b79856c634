"""TensorFlow's definitions of op types."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def op_def(op: str) -> Any:
    """TensorFlow's definition of an op type; None when it has none (a custom op, or a function's name)."""
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(op)


@cache
def default_attr(op: str, attr: str) -> Any:
    """What an op type's attribute is where a node leaves it out; None when it has no default."""
    definition = op_def(op)
    declared = next((a for a in definition.attr if a.name == attr), None) if definition else None
    return declared.default_value if declared and declared.HasField("default_value") else None
