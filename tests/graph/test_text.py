import numpy as np
import pytest

from octavo.errors import GraphError
from octavo.graph import Graph, const_node, const_value
from octavo.graph.attrs import TensorShape
from octavo.graph.text import node_text, parse_graph, to_text

EVERY_KIND = """
x = Placeholder() dtype=float32 shape=<?,224,224,3>
scalar = Placeholder() dtype=float32 shape=<>
any = Placeholder() dtype=float32 shape=<...>
w = Const() value=float32<2,2>[1, 2.5, -3, 1e-05]
q = Const() value=qint8<3>[-127, 0, 127]
b = Const() value=bool<2>[true, false]
e = Const() value=int32<0>[]
n = Const(^x) value=int32<>[7]
s = Const() dtype=string value={tensor { dtype: DT_STRING tensor_shape { } string_val: "a b" }}
y = MatMul(x, w:1, ^any) T=float32 a="SAME \\"quoted\\"" b=true c=0.001 d=1.0 e=nan f=-3 @"/device:CPU:0"
l = Foo(x) a=["]", "b"] b=[1, 2] c=[] d=[float32, qint8] e=[0.5, 1.0] f=[true, false]
f = Foo() fn={func { name: "g" attr { key: "T" value { type: DT_FLOAT } } }} n=1
"""


def test_every_kind_of_attribute_round_trips() -> None:
    assert to_text(parse_graph(EVERY_KIND)) == EVERY_KIND.strip()


def test_one_value_fills_a_tensor() -> None:
    graph = parse_graph("w = Const() value=float32<2,3>[1.5]")
    np.testing.assert_array_equal(const_value(graph.nodes["w"]), np.full((2, 3), np.float32(1.5)))


def test_port_0_is_not_spelled() -> None:
    assert parse_graph("a = Foo()\nb = Foo(a:0, a:1)").nodes["b"].inputs == ("a", "a:1")


def test_a_long_tensor_is_written_with_its_checksum() -> None:
    text = node_text(const_node("w", np.arange(17, dtype=np.float32)))
    assert text == "w = Const() value=float32<17>[#e8d2dbef]"
    assert text != node_text(const_node("w", np.arange(1, 18, dtype=np.float32)))
    with pytest.raises(GraphError, match="abbreviation"):
        parse_graph(text)


def test_a_const_whose_dtype_contradicts_its_value_shows_both() -> None:
    text = "w = Const() dtype=int32 value=float32<>[1]"
    assert to_text(parse_graph(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("a = Foo()\n\nb Foo()", "line 3: wanted 'name = Op", id="no_equals_sign"),
        pytest.param("a = Foo() key", "wanted key=value, got 'key'", id="no_value"),
        pytest.param("a = Foo() k=[1, true]", "several kinds", id="mixed_list"),
        pytest.param("a = Foo() k=float31", "line 1", id="no_such_dtype"),
        pytest.param("a = Foo() k={nonsense: 1}", "is no AttrValue", id="no_such_field"),
        pytest.param("a = Foo() k=float32<2>[1, 2, 3]", "line 1", id="too_many_values"),
        pytest.param("a = Foo(b)", "reads 'b', which no node makes", id="dangling"),
        pytest.param("a = Foo()\na = Foo()", "two nodes are named 'a'", id="twice"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line(text: str, why: str) -> None:
    with pytest.raises(GraphError, match=why):
        parse_graph(text)


def test_inputs_and_outputs_are_given_beside_the_text() -> None:
    graph = parse_graph("a = Foo()\nb = Foo(a)", inputs=["a:0"], outputs=["b"])
    assert graph == Graph(graph.nodes, ("a",), ("b",))


def test_a_shape_of_unknown_rank_differs_from_a_scalars() -> None:
    assert parse_graph("a = Foo() s=<>").nodes["a"].attrs["s"] == TensorShape(())
    assert parse_graph("a = Foo() s=<...>").nodes["a"].attrs["s"] == TensorShape(unknown_rank=True)
