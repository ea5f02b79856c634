import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph, Node
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.remove_nodes import remove_nodes


def removed(text: str, *op: str, inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = (), most: int = 1) -> str:
    graph = remove_nodes(example(text, inputs=inputs, outputs=outputs), op=op or ("Identity",), max_inputs=most)
    graph.check()
    assert remove_nodes(graph, op=op or ("Identity",), max_inputs=most) == graph
    return "\n".join(f"{n.name}({', '.join(n.inputs)})" for n in graph.nodes.values())


@pytest.mark.parametrize(
    ("text", "left"),
    [
        pytest.param("x = Foo()\ni = Identity(x)\ny = Relu(i)", "x()\ny(x)", id="one"),
        pytest.param("x = Foo()\ni = Identity(x)\nj = Identity(i)\ny = Relu(j)", "x()\ny(x)", id="chain"),
        pytest.param("j = Identity(i)\ny = Relu(j)\ni = Identity(x)\nx = Foo()", "y(x)\nx()", id="chain_out_of_order"),
        pytest.param("x = Foo()\ni = Identity(x:1)\ny = Relu(i)", "x()\ny(x:1)", id="port"),
        pytest.param("x = Foo()\ni = Identity(x:1)\ny = Relu(x, ^i)", "x()\ny(x, ^x)", id="control_edge"),
        pytest.param("x = Foo()\na = NoOp()\ni = Identity(x, ^a)\ny = Relu(i)", "x()\na()\ny(x, ^a)", id="waits"),
        pytest.param(
            "x = Foo()\na = NoOp()\ni = Identity(x, ^a)\nj = Identity(i, ^a)\ny = Add(j, i, ^a)",
            "x()\na()\ny(x, x, ^a)",
            id="waits_once",
        ),
        pytest.param("x = Foo()\ni = Identity(x)", "x()", id="nobody_reads_it"),
        pytest.param("x = Foo()\ni = Neg(x)\ny = Relu(i)", "x()\ni(x)\ny(i)", id="another_type"),
        pytest.param("i = Identity()\ny = Relu(i)", "i()\ny(i)", id="no_input"),
    ],
)
def test_identities(text: str, left: str) -> None:
    assert removed(text) == left


def test_several_types() -> None:
    text = "x = Foo()\ni = Identity(x)\nc = CheckNumerics(i)\nd = Identity(c)\ny = Relu(d)"
    assert removed(text, "Identity", "CheckNumerics") == "x()\ny(x)"


def test_the_graphs_ends_stay() -> None:
    text = "x = Foo()\ni = Identity(x)\nj = Identity(i)\nk = Identity(j)"
    assert removed(text, inputs=("i",), outputs=("k",)) == "x()\ni(x)\nk(i)"


def test_more_inputs_than_max_inputs() -> None:
    text = "x = Foo()\nm = Neg(x)\na = Pair(x, m)\ny = Relu(a)"
    assert removed(text, "Pair") == "x()\nm(x)\na(x, m)\ny(a)"
    assert removed(text, "Pair", most=2) == "x()\nm(x)\ny(x)"


def test_a_node_whose_second_output_is_read_stays() -> None:
    text = "x = Foo()\nt = Twin(x)\ny = Add(t, t:1)"
    assert removed(text, "Twin") == "x()\nt(x)\ny(t, t:1)"


CONDITIONAL = """
    x = Placeholder() shape=<2>
    p = Placeholder() dtype=bool shape=<>
    s = Switch(x, p)
    f = Identity(s)
    t = Identity(s:1)
    a = Const(^f) value=float32<2>[10, 20]
    b = Const(^t) value=float32<2>[1, 2]
    m = Merge(a, b) N=2
    n = Neg(s:1)
    i = Identity(n)
    k = Merge(f, i) N=2
    y = Add(m, k)
"""


@pytest.mark.parametrize("branch", [True, False])
def test_what_tells_a_conditionals_branches_apart_stays(branch: bool) -> None:
    before = example(CONDITIONAL, inputs=("x", "p"), outputs=("y",))
    after = remove_nodes(before, op=("Identity",))
    assert "i" not in after.nodes
    assert {"t", "f"} <= after.nodes.keys()
    feeds = {"x": random(2), "p": np.array(branch)}
    np.testing.assert_array_equal(values(after, feeds)[0], values(before, feeds)[0])


def test_a_chain_of_100_000_nodes() -> None:
    count = 100_000
    nodes = [Node(f"n{i}", "Identity", (f"n{i - 1}",)) for i in range(count, 0, -1)]
    graph = Graph({}).with_nodes([*nodes, Node("n0", "Placeholder"), Node("y", "Relu", (f"n{count}",))])
    assert to_text(remove_nodes(graph, op=("Identity",))) == "n0 = Placeholder()\ny = Relu(n0)"
