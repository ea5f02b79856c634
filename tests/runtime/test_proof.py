import logging

import pytest

from examples import example
from octavo.errors import GraphError
from octavo.graph import Graph
from octavo.runtime import proof
from octavo.runtime.proof import prove, with_tables_filled

GOOD = example("x = Placeholder() shape=<?,2>\ny = Relu(x)", inputs=("x",), outputs=("y",))
FAILS = example(
    'x = Placeholder() shape=<?,2>\nc = CheckNumerics(x) message="no"\nl = Log(c)\nz = Sub(x, x)\n'
    'd = RealDiv(z, z)\ny = CheckNumerics(d) message="0 / 0"',
    inputs=("x",),
    outputs=("y",),
)


@pytest.fixture
def no_process(monkeypatch: pytest.MonkeyPatch) -> list[Graph]:
    """The graphs that would have run in a process of their own."""
    ran: list[Graph] = []
    monkeypatch.setattr(proof, "run_once", ran.append)
    return ran


def test_a_float_graph_runs_in_this_process(no_process: list[Graph]) -> None:
    prove(GOOD, instead_of=GOOD)
    assert no_process == []


@pytest.mark.parametrize(
    "node",
    [
        pytest.param("q = QuantizeV2(x, a, b) T=quint8\ny = Dequantize(q, a, b) T=quint8", id="quantized"),
        pytest.param("y = Print(x, x) U=[float32]", id="printing"),
    ],
)
def test_a_graph_that_may_abort_or_prints_runs_in_its_own_process(node: str, no_process: list[Graph]) -> None:
    text = f"x = Placeholder() shape=<?,2>\na = Const() value=float32<>[0]\nb = Const() value=float32<>[1]\n{node}"
    graph = example(text, inputs=("x",), outputs=("y",))
    prove(graph, instead_of=GOOD)
    assert no_process == [graph]


def test_a_graph_that_fails_to_run_is_refused() -> None:
    with pytest.raises(GraphError, match="0 / 0"):
        prove(FAILS, instead_of=GOOD)


def test_a_graph_that_failed_before_is_let_through_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        prove(FAILS, instead_of=FAILS)
    assert "nor did the one it was made from" in caplog.text


@pytest.mark.parametrize(
    ("text", "inputs", "outputs"),
    [
        pytest.param("x = Placeholder()\ny = Zap(x)", ("x",), ("y",), id="shape_unknown"),
        pytest.param("x = Placeholder() shape=<?,?>\ny = Zap(x)", ("x",), ("y",), id="dimension_unknown"),
        pytest.param("x = Placeholder() shape=<2>\ny = Zap(x)", (), ("y",), id="inputs_unknown"),
        pytest.param("x = Placeholder() shape=<2>\ny = Zap(x)", ("x",), (), id="outputs_unknown"),
        pytest.param("x = Placeholder() dtype=string shape=<2>\ny = Zap(x)", ("x",), ("y",), id="strings"),
    ],
)
def test_a_graph_that_cannot_be_fed_must_load(text: str, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
    with pytest.raises(GraphError, match=r"cannot load the graph.*Zap"):
        prove(example(text, inputs=inputs, outputs=outputs), instead_of=GOOD)
    loads = example(text.replace("Zap(x)", "NoOp(^x)"), inputs=inputs, outputs=outputs)
    prove(loads, instead_of=GOOD)


def test_a_graph_with_tables_runs_with_the_tables_filled() -> None:
    text = """
        x = Placeholder() dtype=int64 shape=<?,2>
        keys = Const() value=int64<2>[0, 1]
        values = Const() value=float32<2>[0.5, 2]
        table = HashTableV2() key_dtype=int64 value_dtype=float32
        fill = InitializeTableV2(table, keys, values) Tkey=int64 Tval=float32
        zero = Const() value=float32<>[0]
        found = LookupTableFindV2(table, x, zero) Tin=int64 Tout=float32
        y = CheckNumerics(found) message="no"
    """
    graph = example(text, inputs=("x",), outputs=("y",))
    prove(graph, instead_of=graph)
    assert with_tables_filled(graph).nodes["found"].inputs == ("table", "x", "zero", "^fill")
    assert with_tables_filled(GOOD) is GOOD
    with pytest.raises(GraphError, match="not initialized"):
        prove(graph.with_nodes(n for n in graph.nodes.values() if n.name != "fill"), instead_of=graph)
