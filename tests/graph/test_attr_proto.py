"""AttrValues become plain values and the same bytes again."""

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorflow.core.framework import attr_value_pb2, types_pb2

from octavo.graph.attr_proto import array_of, attr_bytes, attr_from_text, read_attr, tensor_of, write_attr
from octavo.graph.attrs import DType, Function, Opaque, Tensor, TensorShape, plain_of

NUMBERS = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.one_of(st.floats(width=32), st.sampled_from([-0.0, math.nan, -math.nan, math.inf]))
TEXTS = st.one_of(st.text().map(str.encode), st.binary())
DTYPES = st.one_of(st.sampled_from(types_pb2.DataType.values()), st.integers(-1, 2000))
SHAPES = st.fixed_dictionaries(
    {"unknown_rank": st.booleans()},
    optional={"dim": st.lists(st.fixed_dictionaries({"size": st.integers(-3, 9)}, optional={"name": st.just("rows")}))},
)
TENSORS = st.fixed_dictionaries({"dtype": DTYPES, "tensor_content": st.binary(), "float_val": st.lists(FLOATS)})
FUNCTIONS = st.fixed_dictionaries(
    {"name": st.text()},
    optional={"attr": st.dictionaries(st.text(), st.deferred(lambda: VALUES), max_size=2)},
)
KINDS = {
    "s": TEXTS,
    "i": NUMBERS,
    "f": FLOATS,
    "b": st.booleans(),
    "type": DTYPES,
    "shape": SHAPES,
    "tensor": TENSORS,
    "func": FUNCTIONS,
}
LISTS = st.one_of(
    st.just({}),
    *(st.fixed_dictionaries({kind: st.lists(values, max_size=3)}) for kind, values in KINDS.items()),
    st.fixed_dictionaries({"i": st.lists(NUMBERS), "s": st.lists(TEXTS)}),
)
VALUES: Any = st.one_of(
    st.just({}),
    *(st.fixed_dictionaries({kind: values}) for kind, values in KINDS.items()),
    st.fixed_dictionaries({"list": LISTS}),
    st.fixed_dictionaries({"placeholder": st.text()}),
)


def message(value: Any) -> Any:
    made = attr_value_pb2.AttrValue(**value)
    if value.get("list") == {}:
        made.list.SetInParent()
    return made


def content(made: Any) -> bytes:
    return bytes(made.SerializeToString(deterministic=True))


@given(VALUES)
def test_every_attribute_is_written_as_it_was_read(value: Any) -> None:
    made = message(value)
    read = read_attr(made)
    assert attr_bytes(read) == content(made)
    assert hash(read) == hash(read_attr(message(value)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("type: DT_FLOAT_REF", DType("float32_ref"), id="reference"),
        pytest.param('s: "SAME"', "SAME", id="text"),
        pytest.param(r's: "\xff"', b"\xff", id="not_utf_8"),
        pytest.param("list { }", (), id="empty_list"),
        pytest.param("list { f: [0.5, 1] }", (0.5, 1.0), id="floats"),
        pytest.param("shape { dim { size: -1 } dim { size: -2 } }", TensorShape((None, -2)), id="invalid_shape"),
        pytest.param("shape { unknown_rank: true }", TensorShape(unknown_rank=True), id="unknown_rank"),
        pytest.param(
            'func { name: "f" attr { key: "T" value { type: DT_INT32 } } }',
            Function("f", (("T", DType("int32")),)),
            id="function",
        ),
    ],
)
def test_attributes_are_plain_values(text: str, value: object) -> None:
    read = attr_from_text(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        pytest.param("type: 999", None, id="unknown_dtype"),
        pytest.param("list { type: [1, 999] }", None, id="unknown_dtype_in_a_list"),
        pytest.param('placeholder: "T"', None, id="placeholder"),
        pytest.param("", None, id="nothing"),
        pytest.param('shape { dim { size: 2 name: "rows" } }', TensorShape((2,)), id="named_dimension"),
        pytest.param('list { i: 1 s: "a" }', None, id="several_kinds"),
    ],
)
def test_what_no_plain_value_says_whole_is_opaque(text: str, plain: object) -> None:
    read = attr_from_text(text)
    assert isinstance(read, Opaque)
    assert read.plain == plain


def test_the_bits_of_a_nan_stay() -> None:
    made = attr_value_pb2.AttrValue.FromString(b"\x25" + struct.pack("<I", 0x7FC12345))
    assert math.isnan(plain_of(read_attr(made)))
    assert attr_bytes(read_attr(made)) == content(made)


def test_fields_of_a_later_tensorflow_stay() -> None:
    later = b"\x18\x07" + b"\xfa\x3f\x01x"  # i: 7, and a field 1023
    assert attr_bytes(read_attr(attr_value_pb2.AttrValue.FromString(later))) == later


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), (0.0, -0.0), ((1, 1), (True, True)), ((0.0,), (-0.0,))]
)
def test_what_python_takes_for_equal_is_written_apart(one: object, other: object) -> None:
    assert one == other
    assert attr_bytes(one) != attr_bytes(other)
    assert attr_bytes(Function("f", (("k", one),))) != attr_bytes(Function("f", (("k", other),)))


def test_a_tensor_is_not_copied() -> None:
    made = message({"tensor": {"dtype": 1, "tensor_content": bytes(4)}})
    tensor = read_attr(made)
    assert isinstance(tensor, Tensor)
    assert write_attr(tensor) is made


def test_tensors_of_one_array_are_equal() -> None:
    tensor = tensor_of(np.array([[1, 2]], np.int8), "qint8")
    assert tensor == tensor_of(np.array([[1, 2]], np.int8), "qint8")
    assert tensor != tensor_of(np.array([[1, 3]], np.int8), "qint8")
    assert (tensor.dtype, tensor.sizes, tensor.content) == ("qint8", (1, 2), b"\x01\x02")
    assert array_of(tensor).tolist() == [[1, 2]]


@pytest.mark.parametrize("value", [None, object(), (1, "a"), (1, None)])
def test_what_an_attribute_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        write_attr(value)
