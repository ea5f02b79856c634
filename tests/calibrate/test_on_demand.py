from __future__ import annotations

import numpy as np
import pytest

from octavo.calibrate.on_demand import DEMAND, on_demand
from octavo.errors import GraphError
from octavo.graph import Graph
from octavo.graph.text import parse_graph, to_text
from octavo.runtime.session import GraphSession

TEXT = """
x = Placeholder() dtype=float32
axis = Const() value=int32<1>[0]
r = Relu(x) T=float32
high = Max(r, axis) T=float32
mean = Mean(r, axis) T=float32
half = Const() value=float32<>[0.5]
out = Mul(mean, half) T=float32
"""

X = np.array([-1, 2, 6], np.float32)


def run(graph: Graph, fetches: tuple[str, ...], *, asked: bool) -> list[float]:
    with GraphSession(graph, fetches) as session:
        return [float(value) for value in session.run({"x": X, DEMAND: np.asarray(asked)})]


def test_what_only_the_wanted_tensors_need_stands_behind_one_switch_for_each_source() -> None:
    graph = on_demand(parse_graph(TEXT), ["high"], ["out"])
    assert to_text(graph).splitlines() == [
        "x = Placeholder() dtype=float32",
        "axis = Const() value=int32<1>[0]",
        "r = Relu(x) T=float32",
        "high = Max(r, axis) T=float32",
        "mean = Mean(octavo/on_demand/r:1, axis) T=float32",
        "half = Const() value=float32<>[0.5]",
        "out = Mul(mean, half) T=float32",
        "octavo/on_demand = Placeholder() dtype=bool shape=<>",
        "octavo/on_demand/r = Switch(r, octavo/on_demand) T=float32",
    ]


def test_a_wanted_tensor_is_made_in_the_runs_that_ask_for_it() -> None:
    graph = on_demand(parse_graph(TEXT), ["high"], ["out"])
    assert run(graph, ("high", "out"), asked=True) == [6, pytest.approx(8 / 6)]
    assert run(graph, ("high",), asked=False) == [6]
    with pytest.raises(GraphError, match="does not have value"):
        run(graph, ("high", "out"), asked=False)


def test_what_the_other_outputs_need_as_well_is_made_in_each_run() -> None:
    graph = on_demand(parse_graph(TEXT), ["high", "mean"], ["mean"])
    assert not [node for node in graph.nodes.values() if node.op == "Switch"]
    assert run(graph, ("mean",), asked=False) == [pytest.approx(8 / 3)]


def test_what_is_fed_and_needed_for_a_wanted_tensor_alone_is_switched_too() -> None:
    graph = on_demand(parse_graph(TEXT), ["axis"], ["out"])
    assert graph.nodes["r"].inputs == (f"{DEMAND}/x:1",)
    assert run(graph, ("out",), asked=True) == [pytest.approx(8 / 6)]


def test_what_constants_alone_decide_is_made_in_each_run() -> None:
    graph = on_demand(parse_graph(TEXT + "one = AddV2(half, half) T=float32"), ["high"], ["one"])
    assert run(graph, ("one",), asked=False) == [1]


def test_an_output_that_is_not_its_nodes_first_is_switched_under_a_name_of_its_own() -> None:
    text = "x = Placeholder() dtype=float32\na = Const() value=int32<>[0]\ns = Split(a, x) T=float32 num_split=3\n"
    text += "low = Neg(s) T=float32\nhigh = Neg(s:2) T=float32\nsum = AddV2(s, s:2) T=float32"
    graph = on_demand(parse_graph(text), ["low", "high"], ["sum"])
    assert graph.nodes["sum"].inputs == (f"{DEMAND}/s:1", f"{DEMAND}/s__port__2:1")
    assert graph.nodes[f"{DEMAND}/s__port__2"].inputs == ("s:2", DEMAND)
