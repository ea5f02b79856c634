"""The only place that reads and writes AttrValue: messages and their text."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.graph.attrs import Attrs, DType, Function, Opaque, Tensor, TensorShape, numbered_dtype, read_shape

FIELDS: Mapping[type, str] = {
    DType: "type",
    str: "s",
    bytes: "s",
    bool: "b",
    int: "i",
    float: "f",
    TensorShape: "shape",
    Function: "func",
}
"""The type of a plain value -> the field of AttrValue that holds it."""


def read_attr(message: Any) -> Any:
    """The value that an AttrValue says; writing it gives the same bytes."""
    if message.HasField("tensor"):
        return Tensor(message)
    return _read(message.SerializeToString())


def read_attrs(messages: Mapping[str, Any]) -> Attrs:
    """The values of a node's attributes."""
    return {name: read_attr(message) for name, message in messages.items()}


def write_attr(value: Any) -> Any:
    """The AttrValue of a value; it is shared and must not be changed.

    Raises:
        TypeError: when it is none that an attribute can hold.
        ValueError: when it is a number beyond what AttrValue holds.
    """
    if type(value) in {Tensor, Opaque}:
        return value.message
    return _written(value, _told_by(value))


def attr_bytes(value: Any) -> bytes:
    """The bytes of a value's AttrValue, equal for equal values."""
    return bytes(write_attr(value).SerializeToString(deterministic=True))


def attr_to_text(value: Any) -> str:
    """A value's AttrValue as protobuf's text, on one line."""
    from google.protobuf import text_format

    return str(text_format.MessageToString(write_attr(value), as_one_line=True))


def attr_from_text(text: str) -> Any:
    """The value that protobuf's text says. Raises ValueError when it is no AttrValue."""
    from google.protobuf import text_format

    try:
        return read_attr(text_format.Parse(text, _attr_value()))
    except text_format.ParseError as fault:
        raise ValueError(f"{{{text}}} is no AttrValue: {fault}") from fault


def tensor_of(value: npt.ArrayLike, dtype: str) -> Tensor:
    """A tensor of an array, stored in C order as raw bytes."""
    from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2

    array = np.ascontiguousarray(value)
    dims = [tensor_shape_pb2.TensorShapeProto.Dim(size=n) for n in np.shape(value)]
    shape = tensor_shape_pb2.TensorShapeProto(dim=dims)
    proto = tensor_pb2.TensorProto(dtype=_number(dtype), tensor_shape=shape, tensor_content=array.tobytes())
    return Tensor(_attr_value(tensor=proto))


def array_of(tensor: Tensor) -> npt.NDArray[Any]:
    """A tensor's array; quantized types come as their plain integers.

    Raises:
        TypeError: when TensorFlow does not know the dtype.
        ValueError: when the message is damaged.
    """
    import tensorflow as tf

    value = np.asarray(tf.make_ndarray(tensor.message.tensor))
    return value[value.dtype.names[0]] if value.dtype.names else value


def dtype_enum(dtype: str) -> tuple[str, int]:
    """A dtype's name and number among TensorFlow's messages: ("DT_FLOAT", 1)."""
    from tensorflow.core.framework import types_pb2

    number = _number(dtype)
    return types_pb2.DataType.Name(number), number


@lru_cache(maxsize=4096)
def _read(content: bytes) -> Any:
    message = _attr_value()
    message.ParseFromString(content)
    value = _plain(message)
    whole = value is not None and attr_bytes(value) == message.SerializeToString(deterministic=True)
    return value if whole else Opaque(message, value)


def _plain(message: Any) -> Any:
    """What a message says, as far as a plain value can; None for nothing."""
    kind = message.WhichOneof("value")
    if kind == "list":
        return _plain_list(message.list)
    return _element(kind, getattr(message, kind)) if kind in FIELDS.values() else None


def _plain_list(message: Any) -> tuple[Any, ...] | None:
    filled = [field.name for field, _ in message.ListFields()]
    if len(filled) > 1 or not set(filled) <= set(FIELDS.values()):
        return None
    values = tuple(_element(kind, element) for kind in filled for element in getattr(message, kind))
    return None if None in values else values


def _element(kind: str, value: Any) -> Any:
    if kind == "type":
        return numbered_dtype(value)
    if kind == "shape":
        return read_shape(value)
    if kind == "func":
        return Function(value.name, tuple((key, read_attr(value.attr[key])) for key in sorted(value.attr)))
    return _decoded(value) if kind == "s" else value


def _decoded(text: bytes) -> str | bytes:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text


def _told_by(value: Any) -> Hashable:
    """What tells a value from others that Python takes for equal: True from 1, 0.0 from -0.0."""
    if type(value) is tuple:
        return tuple(map(_told_by, value))
    kind: Any = type(value)
    return repr(value) if kind in {float, Function} else kind


@lru_cache(maxsize=4096)
def _written(value: Any, _told_by: Hashable) -> Any:
    message = _attr_value()
    if not isinstance(value, tuple):
        _put(message, value)
        return message
    message.list.SetInParent()
    fields = {_field(element) for element in value}
    if len(fields) > 1:
        raise TypeError(f"{value!r} holds elements of several kinds")
    for field in fields:
        getattr(message.list, field).extend(getattr(write_attr(element), field) for element in value)
    return message


def _field(value: Any) -> str:
    if type(value) not in FIELDS:
        raise TypeError(f"{value!r} is no value of an attribute")
    return FIELDS[type(value)]


def _put(message: Any, value: Any) -> None:
    field = _field(value)
    if isinstance(value, TensorShape):
        _put_shape(message.shape, value)
    elif isinstance(value, Function):
        message.func.SetInParent()
        message.func.name = value.name
        for key, held in value.attrs:
            message.func.attr[key].CopyFrom(write_attr(held))
    elif isinstance(value, DType):
        message.type = _number(value)
    else:
        setattr(message, field, value.encode() if isinstance(value, str) else value)


def _put_shape(message: Any, shape: TensorShape) -> None:
    message.SetInParent()
    message.unknown_rank = shape.unknown_rank
    for size in shape.sizes:
        message.dim.add(size=-1 if size is None else size)


@cache
def _number(dtype: str) -> int:
    import tensorflow as tf

    return int(tf.dtypes.as_dtype(str(dtype)).as_datatype_enum)


def _attr_value(**field: Any) -> Any:
    from tensorflow.core.framework import attr_value_pb2

    return attr_value_pb2.AttrValue(**field)
