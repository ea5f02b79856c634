"""What a node's readers make of its attributes."""

from collections.abc import Callable

import pytest

from octavo.errors import GraphError
from octavo.graph.attr_proto import attr_from_text
from octavo.graph.graph import Node


def node(op: str = "Zap", **attrs: str) -> Node:
    """A node whose attributes are given as protobuf text."""
    return Node("y", op, (), {name: attr_from_text(text) for name, text in attrs.items()})


@pytest.mark.parametrize(
    ("text", "read", "value"),
    [
        pytest.param("type: DT_QINT8", Node.dtype, "qint8", id="dtype"),
        pytest.param("type: DT_FLOAT_REF", Node.dtype, "float32", id="reference"),
        pytest.param("list { type: [DT_FLOAT, DT_INT32_REF] }", Node.dtypes, ("float32", "int32"), id="dtypes"),
        pytest.param('s: "SAME"', Node.text, "SAME", id="text"),
        pytest.param('list { s: ["a", "b"] }', Node.texts, ("a", "b"), id="texts"),
        pytest.param("b: true", Node.flag, True, id="flag"),
        pytest.param("i: -3", Node.integer, -3, id="integer"),
        pytest.param("list { i: [1, 2] }", Node.integers, (1, 2), id="integers"),
        pytest.param("list { }", Node.integers, (), id="empty_list"),
        pytest.param("f: 0.5", Node.number, 0.5, id="number"),
        pytest.param("shape { dim { size: -1 } dim { size: 3 } }", Node.shape, (None, 3), id="shape"),
        pytest.param("shape { unknown_rank: true }", Node.shape, None, id="unknown_rank"),
        pytest.param('func { name: "body" }', Node.function, "body", id="function"),
    ],
)
def test_reads_what_an_attribute_holds(text: str, read: Callable[[Node, str], object], value: object) -> None:
    assert read(node(k=text), "k") == value


@pytest.mark.parametrize(
    ("text", "read", "why"),
    [
        pytest.param('s: "SAME"', Node.dtype, "'k' of Zap 'y' is a string; wanted a dtype", id="string_for_dtype"),
        pytest.param("b: true", Node.integer, "'k' of Zap 'y' is a boolean; wanted an integer", id="flag_for_integer"),
        pytest.param("i: 1", Node.integers, "'k' of Zap 'y' is an integer; wanted a list", id="integer_for_list"),
        pytest.param("list { i: 1 }", Node.texts, "is a list that holds an integer; wanted a string", id="list"),
        pytest.param("", Node.shape, "'k' of Zap 'y' is unreadable .*; wanted a shape", id="nothing_inside"),
        pytest.param("type: DT_INVALID", Node.dtype, r"\(type: DT_INVALID\); wanted a dtype", id="invalid_dtype"),
        pytest.param("type: 999", Node.dtype, r"unreadable \(type: 999\); wanted a dtype", id="unknown_dtype"),
        pytest.param("list { type: 999 }", Node.dtypes, r"unreadable \(list .* 999 \}\); wanted a list", id="listed"),
        pytest.param(r's: "\xff"', Node.text, "is bytes that are no UTF-8; wanted a string", id="not_utf_8"),
    ],
)
def test_says_in_a_sentence_what_is_of_another_kind(text: str, read: Callable[[Node, str], object], why: str) -> None:
    with pytest.raises(GraphError, match=why):
        read(node(k=text), "k")


def test_what_a_node_leaves_out_is_as_its_op_type_has_it() -> None:
    assert node("Conv2D").text("data_format") == "NHWC"
    assert node("Conv2D").integers("dilations") == (1, 1, 1, 1)
    assert node("Placeholder").shape("shape") is None
    assert node("MatMul").attr("T") is None


def test_the_default_of_a_call_is_for_what_has_none() -> None:
    assert node().text("data_format", "NHWC") == "NHWC"
    assert node(data_format='s: "NCHW"').text("data_format", "NHWC") == "NCHW"
    assert node().texts("_class", ()) == ()
    assert node().shape("shape") is None


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(GraphError, match=r"^Zap 'y' lacks the attribute 'k'$"):
        node().dtype("k")
