import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph
from octavo.graph.text import node_text, to_text
from octavo.transform_graph.transforms.insert_logging import insert_logging

CHAIN = """
    x = Placeholder()
    a = Const() value=float32<>[1]
    add = Add(x, a)
    add_node = Mul(add, a)
    e = Exp(add_node)
    n = Neg(e)
    y = Relu(n)
"""


def prints(graph: Graph) -> list[str]:
    return [node.name.removesuffix("__print__") for node in graph.nodes.values() if node.op == "Print"]


@pytest.mark.parametrize(
    ("options", "printed"),
    [
        pytest.param({}, ["x", "a", "add", "add_node", "e", "n"], id="all_but_the_last"),
        pytest.param({"op": ("Mul", "Add")}, ["add", "add_node"], id="types"),
        pytest.param({"op": ("Mu",)}, [], id="types_are_exact"),
        pytest.param({"prefix": ("add_node", "e")}, ["add_node", "e"], id="prefixes"),
        pytest.param({"op": ("Mul",), "prefix": ("e",)}, [], id="both_must_hold"),
    ],
)
def test_which_nodes_are_printed(options: dict[str, tuple[str, ...]], printed: list[str]) -> None:
    graph = example(CHAIN, inputs=("x",), outputs=("y",))
    logged = insert_logging(graph, op=options.get("op", ()), prefix=options.get("prefix", ()))
    assert prints(logged) == printed
    assert insert_logging(logged, op=options.get("op", ()), prefix=options.get("prefix", ())) == logged


@pytest.mark.parametrize(
    ("show_op", "show_name", "message", "expected"),
    [
        (False, False, "m:", "m:"),
        (False, True, "__requant_min_max:", ";e__print__;__requant_min_max:"),
        (True, False, "m", ";Exp;m"),
        (True, True, "", ";Exp;;e__print__;"),
    ],
)
def test_the_message(show_op: bool, show_name: bool, message: str, expected: str) -> None:
    logged = insert_logging(example(CHAIN), op=("Exp",), show_op=show_op, show_name=show_name, message=message)
    assert logged.nodes["e__print__"].text("message") == expected


def test_the_line_that_a_run_writes(capfd: pytest.CaptureFixture[str]) -> None:
    before = example(CHAIN, inputs=("x",), outputs=("y",))
    logged = insert_logging(before, op=("Exp",), show_name=True, message="v:", summarize=2)
    np.testing.assert_array_equal(values(logged, {"x": [0, 0, 0]})[0], values(before, {"x": [0, 0, 0]})[0])
    assert ";e__print__;v:[2.71828175 2.71828175...]" in capfd.readouterr().err


SPLIT = "x = Placeholder()\naxis = Const() value=int32<>[0]\np = Split(axis, x) num_split=3\n"


def test_only_outputs_that_are_read_are_printed() -> None:
    graph = example(SPLIT + "y = Sub(p:2, p)", inputs=("x",), outputs=("y",))
    logged = insert_logging(graph, op=("Split",))
    assert logged.nodes["p__print__"].inputs == ("p", "p", "p:2")
    assert logged.nodes["y"].inputs == ("p:2", "p__print__")
    x = random(6)
    np.testing.assert_array_equal(values(logged, {"x": x})[0], values(graph, {"x": x})[0])


def test_without_a_reader_of_output_0_the_others_wait(capfd: pytest.CaptureFixture[str]) -> None:
    logged = insert_logging(example(SPLIT + "y = Neg(p:2)", inputs=("x",), outputs=("y",)), op=("Split",), message="p:")
    assert logged.nodes["y"].inputs == ("p:2", "^p__print__")
    values(logged, {"x": [1, 2, 3]})
    assert "p:[3]" in capfd.readouterr().err


def test_control_edges_count_as_a_reader() -> None:
    logged = insert_logging(example("x = Placeholder()\nr = Relu(x)\nn = NoOp(^r)"), op=("Relu",))
    assert node_text(logged.nodes["n"]) == "n = NoOp(^r, ^r__print__)"


def test_loops_and_conditionals_are_left_alone() -> None:
    graph = example(
        "x = Placeholder()\nb = Placeholder() dtype=bool\ns = Switch(x, b)\nm = Merge(s, s:1) N=2\ny = Neg(m)"
    )
    assert to_text(insert_logging(graph, op=("Switch", "Merge"))) == to_text(graph)
