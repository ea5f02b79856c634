"""Attribute values: making them from Python values and reading them back.

TensorFlow's protobuf classes are imported where they are used, since their import loads TensorFlow.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from octavo.errors import GraphError

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


KINDS = {
    "type": "a dtype",
    "s": "a string",
    "b": "a boolean",
    "i": "an integer",
    "f": "a float",
    "shape": "a shape",
    "tensor": "a tensor",
    "func": "a function",
    "list": "a list",
}
"""Field of AttrValue -> what it holds."""


def read_dtype(value: Any) -> str:
    """The dtype's short name, e.g. "float32"; reference types are read as their base type."""
    return dtype_name(value.type)


def dtype_name(number: int) -> str:
    """The short name of the dtype of a number, e.g. "float32"; reference types are read as their base type.

    Raises:
        GraphError: when TensorFlow knows no dtype of that number.
    """
    import tensorflow as tf

    try:
        return str(tf.dtypes.as_dtype(number).base_dtype.name)
    except TypeError:
        raise GraphError(f"TensorFlow knows no dtype of the number {number}") from None


def read_field(value: Any, field: str, called: str) -> Any:
    """What an attribute of one kind holds: a dtype's name, a str for a string, otherwise the field itself.

    Raises:
        GraphError: beginning with what the attribute is called, when it is of another kind or cannot be read.
    """
    kind = value.WhichOneof("value")
    if kind != field:
        raise GraphError(f"{called} is {KINDS.get(kind, 'empty')}; wanted {KINDS[field]}")
    return _read_element(getattr(value, field), field, called)


def read_elements(values: Any, field: str, called: str) -> tuple[Any, ...]:
    """The elements of a list of one kind, which may be empty. Raises as `read_field` does."""
    if strange := [KINDS[found.name] for found, _ in values.ListFields() if found.name != field]:
        raise GraphError(f"{called} is a list of which each is {strange[0]}; wanted {KINDS[field]}")
    return tuple(_read_element(element, field, called) for element in getattr(values, field))


def _read_element(element: Any, field: str, called: str) -> Any:
    try:
        if field == "s":
            return element.decode()
        return dtype_name(element) if field == "type" else element
    except (GraphError, UnicodeDecodeError) as fault:
        raise GraphError(f"{called} cannot be read: {fault}") from fault


def read_shape(shape: Any) -> tuple[int | None, ...] | None:
    """What a TensorShapeProto says; None for unknown rank, None inside for an unknown dimension."""
    if shape.unknown_rank:
        return None
    return tuple(None if d.size < 0 else d.size for d in shape.dim)


def _attr_value(**field: Any) -> Any:
    from tensorflow.core.framework import attr_value_pb2

    return attr_value_pb2.AttrValue(**field)
