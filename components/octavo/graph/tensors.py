"""Const nodes: reading their values and making new ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.errors import GraphError
from octavo.graph.attrs import dtype_attr, read_dtype
from octavo.graph.graph import Node

Array = npt.NDArray[Any]


def const_value(node: Node) -> Array:
    """The value of a Const; quantized types come as their plain integers (qint8 as int8).

    Raises:
        GraphError: when the node is not a Const or its value cannot be decoded.
    """
    import tensorflow as tf

    if node.op != "Const":
        raise GraphError(f"{node.name!r} is a {node.op}, wanted a Const")
    try:
        value = np.asarray(tf.make_ndarray(node.attrs["value"].tensor))
    except (KeyError, TypeError, ValueError) as fault:
        raise GraphError(f"the value of Const {node.name!r} cannot be decoded: {fault}") from fault
    return value[value.dtype.names[0]] if value.dtype.names else value


def const_node(name: str, value: npt.ArrayLike, dtype: str | None = None) -> Node:
    """A Const node.

    Args:
        name: the node's name.
        value: any shape; stored in C order as raw bytes, so equal values give equal files.
        dtype: "float32", "int32", "qint8" ...; the value's own where left out.
    """
    from tensorflow.core.framework import attr_value_pb2, tensor_pb2, tensor_shape_pb2

    sizes: tuple[int, ...] = np.shape(value)
    array = np.ascontiguousarray(value).reshape(sizes)  # ascontiguousarray turns a scalar into one element
    kind = dtype_attr(dtype or array.dtype.name)
    shape = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=n) for n in sizes])
    tensor = tensor_pb2.TensorProto(dtype=kind.type, tensor_shape=shape, tensor_content=array.tobytes())
    return Node(name, "Const", (), {"dtype": kind, "value": attr_value_pb2.AttrValue(tensor=tensor)})


def const_dtype(node: Node) -> str:
    """The dtype a Const declares, e.g. "float32"."""
    return read_dtype(node.attrs["dtype"])
