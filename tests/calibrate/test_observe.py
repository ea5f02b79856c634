from __future__ import annotations

import numpy as np
import pytest

from logged import INPUT_RANGE, NODES, logged_graph
from octavo.calibrate.observe import observe
from octavo.errors import CalibrationError
from octavo.graph import Graph, rewire
from octavo.graph.tensors import Array, const_value
from octavo.graph.text import parse_graph, to_text
from octavo.ranges.min_max_log import format_record, read_log
from octavo.runtime.session import GraphSession

IMAGES = np.random.default_rng(1).normal(size=(3, 6, 6, 3)).astype(np.float32)

MEASURED = """
x = Placeholder() dtype=float32
axis = Const() value=int32<1>[0]
dims = Const() value=int32<1>[-1]
flat = Reshape(x, dims)
low = Min(flat, axis)
high = Max(flat, axis)
wide = QuantizeV2(x, low, high) T=qint32 mode="MIN_FIRST"
r = RequantizationRange(wide, wide:1, wide:2)
p = Print(r, r, r:1) message=";r__print__;__requant_min_max:"
codes = QuantizeV2(x, p, r:1) T=qint8 mode="SCALED"
y = Dequantize(codes, codes:1, codes:2)
out = Relu(y)
"""


def ops(graph: Graph) -> list[str]:
    return sorted(node.op for node in graph.nodes.values())


def values(graph: Graph, fetches: tuple[str, ...] | None = None) -> list[Array]:
    with GraphSession(graph, fetches) as session:
        return session.run({"image": IMAGES})


def test_a_measured_range_becomes_its_min_and_max() -> None:
    observed = observe(parse_graph(MEASURED))
    assert observed.nodes == ("r",)
    assert observed.graph.outputs == ("r/observed_min", "high")
    assert to_text(observed.graph).splitlines() == [
        "x = Placeholder() dtype=float32",
        "axis = Const() value=int32<1>[0]",
        "dims = Const() value=int32<1>[-1]",
        "flat = Reshape(x, dims)",
        "low = Min(flat, axis)",
        "high = Max(flat, axis)",
        "zero = Const() value=float32<>[0]",
        "r/observed_min = Minimum(zero, low) T=float32",
    ]


@pytest.mark.parametrize(
    ("there", "instead"),
    [
        pytest.param('T=qint32 mode="MIN_FIRST"', 'T=qint32 mode="SCALED"', id="SCALED codes"),
        pytest.param("T=qint32", "T=quint8", id="8 bits"),
        pytest.param("wide = QuantizeV2(x, low, high)", "wide = QuantizeV2(x, low, low)", id="no Max"),
        pytest.param(
            "wide = QuantizeV2(x, low, high)", "z = Relu(x)\nwide = QuantizeV2(z, low, high)", id="of another"
        ),
        pytest.param("(wide, wide:1, wide:2)", "(wide, wide:1, high)", id="another end"),
        pytest.param("flat = Reshape(x, dims)", "flat = Abs(x)", id="of the magnitudes"),
    ],
)
def test_a_range_that_is_measured_in_another_way_is_run_as_it_stands(there: str, instead: str) -> None:
    assert there in MEASURED
    graph = observe(parse_graph(MEASURED.replace(there, instead))).graph
    assert graph.outputs == ("r", "r:1")
    assert "RequantizationRange" in ops(graph)


def test_a_range_of_a_tensor_that_is_flat_already_needs_no_reshape() -> None:
    graph = observe(parse_graph(MEASURED.replace("Min(flat", "Min(x").replace("Max(flat", "Max(x"))).graph
    assert graph.outputs == ("r/observed_min", "high")


def test_activations_that_are_rounded_one_after_the_other_give_way_to_what_was_rounded_first() -> None:
    text = MEASURED.replace(
        "out = Relu(y)",
        """
codes2 = QuantizeV2(y, p, r:1) T=qint8 mode="SCALED"
z = Dequantize(codes2, codes2:1, codes2:2)
other = RequantizationRange(z, z, z)
q = Print(other, other, other:1) message=";other__print__;__requant_min_max:"
""",
    )
    graph = observe(parse_graph(text)).graph
    assert "Dequantize" not in ops(graph)
    assert graph.nodes["other"].inputs == ("x", "x", "x")


def test_weights_become_float_constants_of_what_their_codes_stand_for() -> None:
    logged = logged_graph()
    graph = observe(logged).graph
    assert not {"Dequantize", "QuantizeV2", "RequantizationRange", "Print"} & set(ops(graph))
    wanted = values(logged, ("conv1_weights", "conv2_weights"))
    for name, weights in zip(("conv1_weights", "conv2_weights"), wanted, strict=True):
        np.testing.assert_allclose(const_value(graph.nodes[f"{name}/float"]), weights, rtol=1e-6)


def test_equal_axes_become_one_constant_and_equal_weights_stay_two() -> None:
    text = MEASURED.replace("high = Max(flat, axis)", "axis2 = Const() value=int32<1>[0]\nhigh = Max(flat, axis2)")
    text += "a = Const() value=float32<1>[0]\nb = Const() value=float32<1>[0]\ns = AddV2(a, b)\n"
    text += 'q = Print(s, s, s) message=";s__print__;__requant_min_max:"\n'
    graph = observe(parse_graph(text)).graph
    assert graph.nodes["high"].inputs == ("flat", "axis")
    assert "axis2" not in graph.nodes
    assert graph.nodes["s"].inputs == ("a", "b")


def test_a_printed_bias_correction_is_an_output_behind_the_ranges() -> None:
    text = 'm = Mean(y, axis)\nn = Print(m, m) message=";m__print__;__bias_correction:"\nz = AddV2(y, n)'
    observed = observe(parse_graph(MEASURED + text))
    assert observed.corrections == ("m",)
    assert observed.graph.outputs == ("r/observed_min", "high", "m")
    assert observed.graph.nodes["m"].inputs == ("x", "axis")


def test_a_quantized_constant_stays_as_it_is() -> None:
    text = MEASURED.replace("x = Placeholder() dtype=float32", "x = Const() value=float32<3>[1]")
    text += 'm = Print(y, y, y) message=";m__print__;__requant_min_max:"'
    assert observe(parse_graph(text)).graph.outputs == ("r/observed_min", "high", "y", "y")


def test_control_edges_to_what_gives_way_move_to_what_replaces_it() -> None:
    text = MEASURED.replace("low = Min(flat, axis)", "low = Min(flat, axis, ^other)")
    text = 'other = NoOp(^q)\nq = Print(x, x) message="hello"\n' + text
    graph = observe(parse_graph(text)).graph
    assert graph.nodes["other"].inputs == ("^x",)
    assert "Print" not in ops(graph)


@pytest.mark.parametrize(
    ("there", "instead", "wanted"),
    [
        pytest.param(
            '";r__print__;__requant_min_max:"', '"hello"', "prints no range; wanted .*insert_logging", id="message"
        ),
        pytest.param("Print(r, r, r:1)", "Print(r, r)", "the Print 'p' prints 1 tensors", id="one end"),
    ],
)
def test_a_graph_that_prints_no_whole_range_is_refused(there: str, instead: str, wanted: str) -> None:
    with pytest.raises(CalibrationError, match=wanted):
        observe(parse_graph(MEASURED.replace(there, instead)))


def test_observed_numbers_are_those_that_print_writes_to_1e_6_of_the_range(capfd: pytest.CaptureFixture[str]) -> None:
    logged = logged_graph(pairs=False)
    capfd.readouterr()
    values(logged)
    captured = [line for line in capfd.readouterr().err.splitlines() if "__print__" in line]
    observed = observe(logged)
    found = values(observed.graph)
    assert set(observed.nodes) == set(NODES)
    for node, low, high in zip(observed.nodes, found[::2], found[1::2], strict=True):
        ((printed_low, printed_high),) = read_log(captured).records[node]
        tolerance = 1e-6 * float(high - low)
        assert low == pytest.approx(printed_low, abs=tolerance)
        assert high == pytest.approx(printed_high, abs=tolerance)
    assert sorted(format_record(n, *pairs[0]) for n, pairs in read_log(captured).records.items()) == sorted(captured)


def test_ranges_are_those_of_the_float_arithmetic() -> None:
    observed = observe(logged_graph())
    found = dict(zip(observed.graph.outputs, values(observed.graph), strict=True))
    plain = logged_graph(pairs=False)
    low, high = values(plain, ("conv2_eightbit_min", "conv2_eightbit_max"))
    rounded_low, rounded_high = values(logged_graph(), ("conv2_eightbit_min", "conv2_eightbit_max"))
    assert (rounded_low, rounded_high) != (low, high), "rounding moves the range, or this test shows nothing"
    assert found["conv2_eightbit_requant_range/observed_min"] == low
    assert found["conv2_eightbit_max"] == high


def test_a_range_above_zero_begins_at_zero() -> None:
    graph = observe(logged_graph()).graph
    with GraphSession(graph) as session:
        low, high = session.run({"image": np.full((1, 6, 6, 3), 2, np.float32)})[:2]
    assert (float(low), float(high)) == (0, 2)


def test_the_given_graph_is_not_changed() -> None:
    graph = logged_graph()
    before = to_text(graph)
    observe(graph)
    assert to_text(graph) == before


def test_the_order_of_the_log_is_that_of_the_print_nodes() -> None:
    graph = logged_graph()
    backwards = graph.with_nodes(rewire(reversed(list(graph.nodes.values())), {}))
    assert observe(graph).nodes[0] == INPUT_RANGE
    assert observe(backwards).nodes[-1] == INPUT_RANGE
