"""Const nodes: reading their values and making new ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.errors import GraphError
from octavo.graph.attr_proto import array_of, tensor_of
from octavo.graph.attrs import DType
from octavo.graph.graph import Node

Array = npt.NDArray[Any]


def const_value(node: Node) -> Array:
    """The value of a Const; quantized types come as their plain integers (qint8 as int8).

    Raises:
        GraphError: when the node is not a Const or its value cannot be decoded.
    """
    if node.op != "Const":
        raise GraphError(f"{node.name!r} is a {node.op}, wanted a Const")
    try:
        return array_of(node.tensor("value"))
    except (KeyError, TypeError, ValueError) as fault:
        raise GraphError(f"the value of Const {node.name!r} cannot be decoded: {fault}") from fault


def const_node(name: str, value: npt.ArrayLike, dtype: str | None = None) -> Node:
    """A Const node.

    Args:
        name: the node's name.
        value: any shape; stored in C order as raw bytes, so equal values give equal files.
        dtype: "float32", "int32", "qint8" ...; the value's own where left out.
    """
    kind = DType(dtype or np.asarray(value).dtype.name)
    return Node(name, "Const", (), {"dtype": kind, "value": tensor_of(value, kind)})


def const_dtype(node: Node) -> str:
    """The dtype a Const declares, e.g. "float32"."""
    return node.dtype("dtype")
