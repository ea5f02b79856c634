import pytest

from octavo.graph import Graph
from octavo.graph.frames import (
    frames,
    in_control_flow,
    placing_edges,
    with_constants_in_frames,
    with_placing_edges_only,
)
from octavo.graph.sort import execution_order
from octavo.graph.text import parse_graph, to_text

LOOP = """
    zero = Const()
    e = Enter(zero) frame_name="outer"
    m = Merge(e, n)
    c = LoopCond(m)
    s = Switch(m, c)
    pivot = Identity(s:1)
"""
INNER = """
    e2 = Enter(pivot) frame_name="inner"
    m2 = Merge(e2, n2)
    c2 = LoopCond(m2)
    s2 = Switch(m2, c2)
    b2 = Neg(s2:1)
    n2 = NextIteration(b2)
    x2 = Exit(s2)
"""
END = """
    n = NextIteration(b)
    x = Exit(s)
    y = Neg(x)
"""
CONDITIONAL = """
    p = Placeholder()
    s = Switch(p, p)
    yes = Identity(s:1)
    no = Identity(s)
    one = Const(^yes)
    two = Const(^no)
    m = Merge(one, two)
    y = Neg(m)
"""


def frames_of(text: str) -> dict[str, tuple[str, ...]]:
    return dict(frames(execution_order(parse_graph(text))))


def test_nodes_run_in_the_frame_of_what_they_read() -> None:
    found = frames_of(LOOP + "w = Const(^pivot)\nb = Add(pivot, w)" + END)
    assert {name for name, frame in found.items() if frame == ("outer",)} == {*"emcsbwn", "pivot"}
    assert {name for name, frame in found.items() if not frame} == {"zero", "x", "y"}


def test_behind_the_exit_of_an_inner_loop_the_outer_one_goes_on() -> None:
    found = frames_of(LOOP + INNER + "b = Neg(x2)" + END)
    assert found["b2"] == ("outer", "inner")
    assert found["x2"] == found["b"] == ("outer",)
    assert found["y"] == ()


def test_branches_end_at_their_merge() -> None:
    assert in_control_flow(parse_graph(CONDITIONAL)) == {"s", "yes", "no", "one", "two"}


def test_a_graph_without_control_flow_may_hold_circles() -> None:
    assert not in_control_flow(parse_graph("a = Neg(b)\nb = Neg(a)"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(LOOP + "w = Const(^pivot)\nb = Add(pivot, w)" + END, {"w": ("^pivot",)}, id="const_of_a_loop"),
        pytest.param(
            LOOP + "t = NoOp(^pivot)\nw = Const(^t)\nb = Add(pivot, w)" + END,
            {"t": ("^pivot",), "w": ("^t",)},
            id="by_way_of_a_noop",
        ),
        pytest.param(LOOP + "b = Neg(pivot, ^m)" + END, {}, id="what_reads_the_loop_is_in_it"),
        pytest.param(LOOP + "b = Neg(pivot)" + END + "w = Const(^y)\nz = Add(y, w)", {}, id="const_behind_a_loop"),
        pytest.param(CONDITIONAL, {"one": ("^yes",), "two": ("^no",)}, id="consts_of_branches"),
        pytest.param("a = NoOp()\nb = Const(^a)", {}, id="no_control_flow"),
    ],
)
def test_edges_that_keep_a_node_in_its_place(text: str, kept: dict[str, tuple[str, ...]]) -> None:
    assert dict(placing_edges(parse_graph(text))) == kept


def test_only_those_edges_are_left() -> None:
    graph = parse_graph(LOOP + "g = NoOp()\nw = Const(^pivot, ^m)\nb = Add(pivot, w, ^m)" + END + "z = Neg(y, ^g)")
    bare = with_placing_edges_only(graph)
    assert bare.nodes["w"].inputs == ("^pivot", "^m")
    assert bare.nodes["b"].inputs == ("pivot", "w")
    assert bare.nodes["z"].inputs == ("y",)


def added(graph: Graph) -> dict[str, tuple[str, ...]]:
    """The Consts of a graph, with what they wait for."""
    return {node.name: node.inputs for node in graph.nodes.values() if node.op == "Const"}


def test_a_const_that_a_loop_reads_is_put_into_it() -> None:
    tied = with_constants_in_frames(parse_graph(LOOP + "w = Const()\nb = Add(pivot, w)" + END))
    assert added(tied) == {"zero": (), "w": ("^pivot",)}
    assert tied.nodes["b"].inputs == ("pivot", "w")


def test_a_const_goes_into_the_innermost_loop_of_its_reader() -> None:
    inner = INNER.replace("Neg(s2:1)", "Add(w, s2:1)")
    tied = with_constants_in_frames(parse_graph(LOOP + "w = Const()\n" + inner + "b = Neg(x2)" + END))
    assert added(tied)["w"] == ("^s2",)


def test_a_const_with_readers_elsewhere_is_copied_for_each_reader_in_a_loop() -> None:
    text = LOOP + "w = Const()\nd = Mul(w, pivot)\nb = Add(d, w)" + END + "z = Mul(y, w)"
    tied = with_constants_in_frames(parse_graph(text, outputs=("z",)))
    assert added(tied) == {"zero": (), "w": (), "d/w": ("^pivot",), "b/w": ("^d",)}
    assert tied.nodes["d"].inputs == ("d/w", "pivot")
    assert tied.nodes["z"].inputs == ("y", "w")


def test_a_const_that_is_fetched_stays_for_the_caller() -> None:
    graph = parse_graph(LOOP + "w = Const()\nb = Add(pivot, w)" + END, outputs=("w", "y"))
    assert added(with_constants_in_frames(graph)) == {"zero": (), "w": (), "b/w": ("^pivot",)}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(LOOP + "w = Const(^pivot)\nb = Add(pivot, w)" + END, id="in_place_already"),
        pytest.param(LOOP + "b = Neg(pivot)" + END + "w = Const()\nz = Add(y, w)", id="behind_the_loop"),
        pytest.param("w = Const()\ny = Neg(w)", id="no_loop"),
    ],
)
def test_other_consts_are_left(text: str) -> None:
    graph = parse_graph(text)
    assert to_text(with_constants_in_frames(graph)) == to_text(graph)
