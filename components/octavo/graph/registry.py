"""TensorFlow's definitions of op types."""

from __future__ import annotations

from functools import cache
from typing import Any

from octavo.graph.attr_proto import read_attr
from octavo.graph.attrs import Attrs


@cache
def op_def(op: str) -> Any:
    """TensorFlow's definition of an op type; None when it has none (a custom op, or a function's name)."""
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(op)


@cache
def default_attrs(op: str) -> Attrs:
    """What an op type's attributes are where a node leaves them out, those without a default left out."""
    definition = op_def(op)
    declared = definition.attr if definition is not None else ()
    return {attr.name: read_attr(attr.default_value) for attr in declared if attr.HasField("default_value")}
