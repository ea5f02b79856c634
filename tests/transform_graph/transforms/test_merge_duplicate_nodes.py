import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph
from octavo.transform_graph.transforms.merge_duplicate_nodes import merge_duplicate_nodes

PAIR = """
    x = Placeholder() shape=<2>
    a = Const() value=float32<2>[1, 2]
    b = Const() value=float32<2>[1, 2]
    s = Add(x, a)
    t = Add(x, b)
    y = Mul(s, t)
"""


def merged(text: str, *, inputs: tuple[str, ...] = ("x",), outputs: tuple[str, ...] = ("y",)) -> Graph:
    graph = example(text, inputs=inputs, outputs=outputs)
    result = merge_duplicate_nodes(graph)
    result.check()
    assert merge_duplicate_nodes(result) == result
    return result


def test_equal_nodes_merge_all_the_way_and_give_the_same() -> None:
    graph = merged(PAIR)
    assert list(graph.nodes) == ["x", "a", "s", "y"]
    before = example(PAIR, inputs=("x",), outputs=("y",))
    np.testing.assert_array_equal(values(graph, {"x": random(2)})[0], values(before, {"x": random(2)})[0])


def test_the_one_that_is_fetched_stays() -> None:
    graph = merged(PAIR, outputs=("y", "t"))
    assert list(graph.nodes) == ["x", "a", "t", "y"]
    assert graph.nodes["y"].inputs == ("t", "t")


def test_two_that_are_fetched_both_stay() -> None:
    assert list(merged(PAIR, outputs=("y", "s", "t")).nodes) == ["x", "a", "s", "t", "y"]


def test_what_is_fed_is_equal_to_nothing() -> None:
    assert list(merged(PAIR, inputs=("x", "b")).nodes) == ["x", "a", "b", "s", "t", "y"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("Relu(x)", "Relu6(x)", id="type"),
        pytest.param("Sub(x, z)", "Sub(z, x)", id="order_of_inputs"),
        pytest.param("Relu(p)", "Relu(p:1)", id="port"),
        pytest.param("Relu(x)", "Relu(x, ^z)", id="control_edge"),
        pytest.param("MatMul(x, z)", "MatMul(x, z) transpose_a=true", id="attribute"),
        pytest.param('Relu(x) @"/device:CPU:0"', "Relu(x)", id="device"),
        pytest.param("Placeholder()", "Placeholder()", id="placeholder"),
        pytest.param("RandomUniform(n) T=int32 dtype=float32", "RandomUniform(n) T=int32 dtype=float32", id="state"),
        pytest.param('Enter(x) frame_name="f"', 'Enter(x) frame_name="f"', id="loop"),
        pytest.param("Zap(x)", "Zap(x)", id="unknown_op"),
    ],
)
def test_nodes_that_differ_stay(one: str, other: str) -> None:
    text = f"""
        x = Placeholder()
        z = Placeholder()
        n = Const() value=int32<1>[2]
        p = Unpack(x) num=2
        a = {one}
        b = {other}
        y = Sub(a, b)
    """
    assert {"a", "b"} <= merged(text).nodes.keys()


def test_every_output_of_a_merged_node_is_rewired() -> None:
    text = "x = Placeholder()\np = Unpack(x) num=2\nq = Unpack(x) num=2\ny = Sub(p:1, q:1, ^q)"
    assert merged(text).nodes["y"].inputs == ("p:1", "p:1", "^p")


def test_the_order_of_control_edges_does_not_matter() -> None:
    text = "x = Placeholder()\nn = NoOp()\nm = Neg(x)\na = Relu(x, ^n, ^m)\nb = Relu(x, ^m, ^n)\ny = Sub(a, b)"
    assert merged(text).nodes["y"].inputs == ("a", "a")
