"""What attributes hold: plain values that never change.

dtype     DType("float32")                 list     a tuple of these
string    str, or bytes that are no UTF-8  shape    TensorShape((None, 224, 224, 3))
integer   int                              tensor   Tensor, around its message
float     float                            function Function("body")
boolean   bool                             Opaque   what none of these can say, around its message
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

Attrs = Mapping[str, Any]
"""Attribute name -> its value. Values are shared between graphs and never changed in place."""


class DType(str):
    """The short name of a dtype, e.g. "float32" or "qint8"; that of a reference ends in "_ref"."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"DType({super().__repr__()})"

    @property
    def base(self) -> str:
        """The name of the dtype that is not a reference."""
        return str(self.removesuffix("_ref"))


@cache
def named_dtype(name: str) -> DType:
    """The dtype of one of its names: "half" is "float16". Raises TypeError when TensorFlow knows none."""
    import tensorflow as tf

    return DType(tf.dtypes.as_dtype(name).name)


@cache
def numbered_dtype(number: int) -> DType | None:
    """The dtype of a number; None when TensorFlow knows none."""
    import tensorflow as tf

    try:
        return DType(tf.dtypes.as_dtype(number).name)
    except TypeError:
        return None


@dataclass(frozen=True, slots=True)
class TensorShape:
    """A shape as it is declared.

    Args:
        sizes: the sizes of the dimensions; None is an unknown one. Negative ones are not valid.
        unknown_rank: whether the number of dimensions is not known; sizes beside it are not valid.
    """

    sizes: tuple[int | None, ...] = ()
    unknown_rank: bool = False

    @property
    def known(self) -> tuple[int | None, ...] | None:
        """The sizes, None for one that is unknown or not valid; None for unknown rank."""
        return None if self.unknown_rank else tuple(None if n is None or n < 0 else n for n in self.sizes)


@dataclass(frozen=True, slots=True)
class Function:
    """A reference to a function of the library, with attributes for it in the order of their names."""

    name: str
    attrs: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor in its AttrValue message, which is shared, never copied or changed; equal when their bytes are."""

    message: Any

    def __hash__(self) -> int:
        return hash((self.message.tensor.dtype, self.shape))

    @property
    def dtype(self) -> str:
        """The dtype's short name; "" when TensorFlow knows none of its number."""
        return numbered_dtype(self.message.tensor.dtype) or ""

    @property
    def shape(self) -> TensorShape:
        """The shape as it is declared."""
        return read_shape(self.message.tensor.tensor_shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sizes of the dimensions, which a tensor knows."""
        return tuple(dim.size for dim in self.message.tensor.tensor_shape.dim)

    @property
    def content(self) -> bytes:
        """The elements' bytes in C order; b"" where they are written one by one."""
        return bytes(self.message.tensor.tensor_content)


@dataclass(frozen=True, slots=True)
class Opaque:
    """An AttrValue message that no plain value says whole, such as a dtype that this TensorFlow does not know.

    Args:
        message: the message, which is shared and never changed.
        plain: what of it can be said, such as a shape without the names of its dimensions; None for nothing.
    """

    message: Any
    plain: Any = None

    def __hash__(self) -> int:
        return hash(self.plain)


def plain_of(value: Any) -> Any:
    """The plain value of an attribute; None of an opaque one that has none."""
    return value.plain if isinstance(value, Opaque) else value


def read_shape(message: Any) -> TensorShape:
    """The shape that a TensorShapeProto says."""
    return TensorShape(tuple(None if d.size == -1 else d.size for d in message.dim), message.unknown_rank)
