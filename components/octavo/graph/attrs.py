"""Attribute values: making them from Python values and reading them back.

TensorFlow's protobuf classes are imported where they are used, since their import loads TensorFlow.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Attrs = Mapping[str, Any]
"""Attribute name -> `AttrValue` message. The messages are shared between graphs and never changed in place."""


def dtype_attr(name: str) -> Any:
    """An attribute holding a dtype, e.g. "float32" or "qint8"."""
    import tensorflow as tf

    return _attr_value(type=tf.dtypes.as_dtype(name).as_datatype_enum)


def dtype_list_attr(names: Sequence[str]) -> Any:
    """An attribute holding a list of dtypes; the list may be empty."""
    import tensorflow as tf

    value = _attr_value()
    value.list.SetInParent()
    value.list.type.extend(tf.dtypes.as_dtype(n).as_datatype_enum for n in names)
    return value


def string_attr(text: str) -> Any:
    """An attribute holding a string."""
    return _attr_value(s=text.encode())


def string_list_attr(texts: Sequence[str]) -> Any:
    """An attribute holding a list of strings; the list may be empty."""
    value = _attr_value()
    value.list.SetInParent()
    value.list.s.extend(t.encode() for t in texts)
    return value


def bool_attr(flag: bool) -> Any:
    """An attribute holding true or false."""
    return _attr_value(b=flag)


def int_attr(number: int) -> Any:
    """An attribute holding an integer."""
    return _attr_value(i=number)


def float_attr(number: float) -> Any:
    """An attribute holding a float32."""
    return _attr_value(f=number)


def int_list_attr(numbers: Sequence[int]) -> Any:
    """An attribute holding a list of integers; the list may be empty."""
    value = _attr_value()
    value.list.SetInParent()
    value.list.i.extend(int(n) for n in numbers)
    return value


def shape_attr(shape: Sequence[int | None] | None) -> Any:
    """An attribute holding a shape; None for a dimension means unknown, None for the whole means unknown rank."""
    value = _attr_value()
    value.shape.SetInParent()
    if shape is None:
        value.shape.unknown_rank = True
        return value
    for size in shape:
        value.shape.dim.add(size=-1 if size is None else size)
    return value


def read_dtype(value: Any) -> str:
    """The dtype's short name, e.g. "float32"; reference types are read as their base type."""
    import tensorflow as tf

    return str(tf.dtypes.as_dtype(value.type).base_dtype.name)


def read_shape(value: Any) -> tuple[int | None, ...] | None:
    """The shape an attribute holds; None for unknown rank, None inside for an unknown dimension."""
    if value.shape.unknown_rank:
        return None
    return tuple(None if d.size < 0 else d.size for d in value.shape.dim)


def _attr_value(**field: Any) -> Any:
    from tensorflow.core.framework import attr_value_pb2

    return attr_value_pb2.AttrValue(**field)
