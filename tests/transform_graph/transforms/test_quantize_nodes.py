import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from examples import example, random, values
from octavo.errors import SpecError
from octavo.graph import Graph, const_value
from octavo.graph.tensors import Array
from octavo.tensorflow import import_tensorflow
from octavo.transform_graph.transforms.quantize_nodes import quantize_nodes
from octavo.transform_graph.transforms.quantize_weights import quantize_weights

TOLERANCE = 0.025
"""Largest difference, relative to the largest magnitude, that two rounds of eight bits make."""

X = random(2, 6, 6, 3, seed=9)
CONSTS = {
    "w": random(3, 3, 3, 4),
    "m": random(6, 5, seed=1),
    "b": random(3, seed=2) * 2,
    "v": random(6, 6, 3, seed=3) * 3,
    "size": np.array([9, 7], np.int32),
    "flat": np.array([-1, 6], np.int32),
    "axis": np.int32(3),
    "low": np.float32(-0.5),
    "high": np.float32(0.75),
}
POOL = "ksize=[1, 2, 2, 1]"


def graph_of(
    text: str,
    *,
    shape: str = "2,6,6,3",
    outputs: tuple[str, ...] = ("y",),
    consts: Mapping[str, Array | np.generic] | None = None,
) -> Graph:
    given = {name: np.asarray(value) for name, value in {**CONSTS, **(consts or {})}.items()}
    text = f"x = Placeholder() shape=<{shape}>\n{text}"
    return example(text, inputs=("x",), outputs=outputs, consts=given).without_dead_nodes()


def ops(graph: Graph) -> list[str]:
    plain = {"Const", "Placeholder", "Reshape", "Min", "Max", "QuantizeV2", "Dequantize", "Requantize"}
    return [n.op for n in graph.nodes.values() if n.op not in plain | {"RequantizationRange"}]


def assert_near(before: Graph, after: Graph, x: Array = X, tolerance: float = TOLERANCE) -> None:
    for old, new in zip(values(before, {"x": x}), values(after, {"x": x}), strict=True):
        np.testing.assert_allclose(new, old, rtol=0, atol=tolerance * np.abs(old).max())


@pytest.mark.parametrize(
    ("text", "op"),
    [
        pytest.param("y = Add(x, b)", "QuantizedAdd", id="add_vector"),
        pytest.param("y = AddV2(v, x)", "QuantizedAdd", id="add_v2_block_first"),
        pytest.param("y = AddV2(x, x)", "QuantizedAdd", id="add_itself"),
        pytest.param("y = Mul(x, b)", "QuantizedMul", id="mul_vector"),
        pytest.param("y = Mul(x, high)", "QuantizedMul", id="mul_scalar"),
        pytest.param("y = BiasAdd(x, b)", "QuantizedBiasAdd", id="bias"),
        pytest.param("y = Conv2D(x, w)", "QuantizedConv2D", id="conv_valid"),
        pytest.param('y = Conv2D(x, w) padding="SAME" strides=[1, 2, 2, 1]', "QuantizedConv2D", id="conv_same"),
        pytest.param(f"y = MaxPool(x) {POOL}", "QuantizedMaxPool", id="max_pool"),
        pytest.param(f'y = AvgPool(x) {POOL} padding="SAME"', "QuantizedAvgPool", id="avg_pool"),
        pytest.param("y = Relu(x)", "QuantizedRelu", id="relu"),
        pytest.param("y = Relu6(x)", "QuantizedRelu6", id="relu6"),
        pytest.param("y = Reshape(x, flat)", "QuantizedReshape", id="reshape"),
        pytest.param("y = ResizeBilinear(x, size)", "QuantizedResizeBilinear", id="resize"),
        pytest.param("y = ResizeBilinear(x, size) align_corners=true", "QuantizedResizeBilinear", id="corners"),
        pytest.param("y = ResizeBilinear(x, size) half_pixel_centers=true", "QuantizedResizeBilinear", id="centers"),
        pytest.param("n = Neg(x)\ny = ConcatV2(x, n, v4, axis) N=3", "QuantizedConcat", id="concat_v2"),
        pytest.param("n = Neg(x)\ny = Concat(axis, x, n) N=2", "QuantizedConcat", id="concat"),
    ],
)
def test_an_op_becomes_its_eight_bit_one(text: str, op: str) -> None:
    before = graph_of(text, consts={"v4": random(2, 6, 6, 3, seed=4) * 2})
    after = quantize_nodes(before).graph
    assert [found for found in ops(after) if found != "Neg"] == [op]
    assert after.nodes["y"].op == "Dequantize"
    assert_near(before, after)
    assert quantize_nodes(after).graph == after


@pytest.mark.parametrize("transposed", ["", "transpose_b=true", "transpose_a=true"])
def test_a_matmul(transposed: str) -> None:
    weights = random(5, 6, seed=1) if "_b" in transposed else random(6, 5, seed=1)
    before = graph_of(f"y = MatMul(x, m) {transposed}", shape="?,?", consts={"m": weights})
    x = random(6, 4, seed=5) if "_a" in transposed else random(4, 6, seed=5)
    after = quantize_nodes(before).graph
    assert ops(after) == ["QuantizedMatMul"]
    assert_near(before, after, x)


@pytest.mark.parametrize(("a", "b"), [([[2]], [[3]]), ([[1, 1]], [[1], [1]]), ([[0, 0]], [[1], [1]])])
def test_a_tiny_matmul_whose_inputs_hold_one_value(a: list[list[float]], b: list[list[float]]) -> None:
    before = graph_of("y = MatMul(x, m)", shape="?,?", consts={"m": np.array(b, np.float32)})
    assert_near(before, quantize_nodes(before).graph, np.array(a, np.float32))


def test_a_tensor_of_tiny_numbers_keeps_its_bits() -> None:
    before = graph_of("y = Relu(x)")
    assert_near(before, quantize_nodes(before).graph, X * np.float32(1e-4))


CHAIN = f"""
    c = Conv2D(x, w) padding="SAME"
    a = BiasAdd(c, b4)
    r = Relu(a)
    p = MaxPool(r) {POOL}
    y = Reshape(p, flat)
"""
CHAIN_CONSTS = {"b4": random(4, seed=6), "flat": np.array([2, -1], np.int32)}


def test_codes_pass_from_op_to_op_without_floats_between() -> None:
    before = graph_of(CHAIN, consts=CHAIN_CONSTS)
    after = quantize_nodes(before).graph
    counts = [[n.op for n in after.nodes.values()].count(op) for op in ("QuantizeV2", "Dequantize", "Requantize")]
    assert counts == [1, 1, 2]
    assert after.nodes["y/eightbit"].inputs == ("p/eightbit", "flat", "p/eightbit:1", "p/eightbit:2")
    assert "w" not in after.nodes
    assert after.nodes["w_quantized_const"].op == "Const"
    assert_near(before, after, tolerance=2 * TOLERANCE)


def test_weights_that_are_codes_already_are_taken_as_they_are() -> None:
    before = graph_of(CHAIN, consts=CHAIN_CONSTS)
    prepared = quantize_weights(before, minimum_size=1)
    after = quantize_nodes(prepared).graph
    assert after.nodes["c/eightbit"].inputs[1] == "w_quantized_const"
    assert "w" not in after.nodes
    np.testing.assert_array_equal(values(after, {"x": X})[0], values(quantize_nodes(before).graph, {"x": X})[0])


def test_a_float_that_another_op_reads_or_that_is_fetched_stays() -> None:
    before = graph_of("r = Relu(x)\nt = Tanh(r)\nf = Relu6(r)\ny = Neg(t)", outputs=("y", "f", "r"))
    after = quantize_nodes(before).graph
    assert after.nodes["t"].inputs == ("r",)
    assert [after.nodes[name].op for name in ("r", "f")] == ["Dequantize"] * 2
    assert_near(before, after)


def test_an_output_beyond_the_first_is_measured_under_a_name_of_its_own() -> None:
    before = graph_of("s = Split(axis, x) num_split=3\ny = Relu(s:2)")
    after = quantize_nodes(before).graph
    assert after.nodes["y_eightbit/s__port__2/quantize"].inputs[0] == "s:2"
    assert_near(before, after)


def test_the_names_are_those_of_the_original() -> None:
    after = quantize_nodes(graph_of("y = BiasAdd(x, b)")).graph
    measured = [f"y_eightbit/x/{n}" for n in ("reshape_dims", "reduction_dims", "reshape", "min", "max", "quantize")]
    assert {*measured, "y/eightbit", "y/eightbit/requant_range", "y/eightbit/requantize"} <= after.nodes.keys()
    assert after.nodes["y"].inputs == tuple(f"y/eightbit/requantize{port}" for port in ("", ":1", ":2"))


def test_control_edges_stay() -> None:
    after = quantize_nodes(
        graph_of("init = NoOp()\nr = Relu(x, ^init)\nd = NoOp(^r)\ny = Neg(x, ^d)", outputs=("y",))
    ).graph
    assert after.nodes["r/eightbit"].inputs[-1] == "^init"
    assert after.nodes["d"].inputs == ("^r",)
    assert after.nodes["r"].op == "Dequantize"


def test_a_fallback_range_is_written_down() -> None:
    before = graph_of("y = BiasAdd(x, b)")
    after = quantize_nodes(before, fallback_min=-4.0, fallback_max=4.0).graph
    assert "RequantizationRange" not in {node.op for node in after.nodes.values()}
    ends = [const_value(after.nodes[f"y/eightbit/fallback_{end}"]) for end in ("min", "max")]
    assert ends == [-4, 4]
    np.testing.assert_allclose(values(after, {"x": X})[0], values(before, {"x": X})[0], atol=8 / 255 + 0.02)


def test_placeholders_may_take_codes() -> None:
    before = graph_of("r = Relu(x)\ny = Conv2D(r, w)\nz = Tanh(x)", outputs=("y", "z"))
    after = quantize_nodes(before, input_min=-1.0, input_max=1.0).graph
    assert "QuantizeV2" not in {node.op for node in after.nodes.values()}
    assert after.nodes["z"].inputs == ("x_eightbit/dequantize",)
    codes = np.random.default_rng(0).integers(0, 256, X.shape).astype(np.uint8)
    floats = ((codes.astype(np.float32) - 128) * np.float32(2 / 255)).astype(np.float32)
    quint8 = import_tensorflow().quint8.as_numpy_dtype
    found = values(after, {"x": codes.view(quint8)})
    for old, new in zip(values(before, {"x": floats}), found, strict=True):
        np.testing.assert_allclose(new, old, atol=TOLERANCE * np.abs(old).max())


FAKE = "FakeQuantWithMinMaxVars"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(f"a = BiasAdd(x, b)\ny = {FAKE}(a, low, high)", 0, id="behind_the_op"),
        pytest.param(f"a = BiasAdd(x, b)\nr = Relu(a)\ny = {FAKE}(r, low, high)", 0, id="behind_a_relu"),
        pytest.param(f"a = BiasAdd(x, b)\nr = Relu6(a)\np = MaxPool(r) {POOL}\ny = {FAKE}(p, low, high)", 0, id="two"),
        pytest.param(f"a = BiasAdd(x, b)\np = AvgPool(a) {POOL}\ny = {FAKE}(p, low, high)", 1, id="behind_an_average"),
        pytest.param(f"a = BiasAdd(x, b)\nt = Tanh(a)\ny = {FAKE}(t, low, high)", 1, id="behind_a_float_op"),
        pytest.param(f"a = BiasAdd(x, b)\nf = {FAKE}(a, low, high)\ny = AddV2(f, a)", 2, id="the_op_is_read_elsewhere"),
    ],
)
def test_a_trained_range_takes_the_place_of_a_measured_one(text: str, kept: int) -> None:
    before = graph_of(text)
    after = quantize_nodes(before).graph
    made = [node.op for node in after.nodes.values()]
    assert FAKE not in made
    assert made.count("RequantizationRange") == kept
    step = 1.25 / 255
    np.testing.assert_allclose(
        values(after, {"x": X})[0], values(before, {"x": X})[0], atol=step + TOLERANCE * np.abs(X).max() * 3
    )


@pytest.mark.parametrize("more", ["num_bits=4", "narrow_range=true"])
def test_another_fake_quant_is_left_alone(more: str) -> None:
    after = quantize_nodes(graph_of(f"a = BiasAdd(x, b)\ny = {FAKE}(a, low, high) {more}")).graph
    assert FAKE in {node.op for node in after.nodes.values()}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("y = Conv2D(x, w) dilations=[1, 2, 2, 1]", "it has dilations", id="dilations"),
        pytest.param(
            'y = Conv2D(x, w) padding="EXPLICIT" explicit_paddings=[0, 0, 1, 1, 1, 1, 0, 0]',
            "is EXPLICIT",
            id="padding",
        ),
        pytest.param("y = AddV2(x, column)", "QuantizedAdd broadcasts", id="broadcast_along_the_channels"),
        pytest.param("y = Mul(x, rows)", "QuantizedMul broadcasts", id="broadcast_in_the_middle"),
        pytest.param("y = Relu(x) T=float64", "it computes in float64", id="float64"),
        pytest.param("l = ConcatV2(x, x, long) Tidx=int64\ny = Neg(l)", "its axis is int64", id="int64_axis"),
        pytest.param("y = Relu(six)", "the rank of 'six' is not known to be 5 or less", id="rank_6"),
        pytest.param(
            "y = Conv2DBackpropInput(sizes, t, x)", "TensorFlow has no QuantizedConv2DTranspose", id="transposed_conv"
        ),
    ],
)
def test_what_the_eight_bit_ops_get_wrong_stays_float(text: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    consts: dict[str, Array | np.generic] = {
        "column": random(6, 6, 1),
        "rows": random(6, 1),
        "six": random(1, 1, 1, 1, 1, 2),
        "long": np.int64(0),
        "sizes": np.array([2, 6, 6, 2], np.int32),
        "t": random(1, 1, 2, 3),
    }
    before = graph_of(text, consts=consts)
    if "float64" in text:
        before = graph_of(f"d = Cast(x) SrcT=float32 DstT=float64\n{text.replace('(x)', '(d)')}")
    with caplog.at_level(logging.WARNING):
        after = quantize_nodes(before).graph
    assert ops(after) == ops(before)
    assert reason in caplog.text
    assert "stays float" in caplog.text


def test_an_op_may_be_ignored(caplog: pytest.LogCaptureFixture) -> None:
    before = graph_of("r = Relu(x)\nc = Conv2D(r, w)\ny = MaxPool(c) ksize=[1, 2, 2, 1]")
    with caplog.at_level(logging.WARNING):
        after = quantize_nodes(before, ignore_op=("Relu", "MaxPool")).graph
    assert ops(after) == ["Relu", "QuantizedConv2D", "MaxPool"]
    assert not caplog.records


def test_what_is_fed_in_the_middle_stays() -> None:
    graph = graph_of("r = Relu(x)\ny = Neg(r)").with_ends(("r",), ("y",))
    assert quantize_nodes(graph).graph == graph


@pytest.mark.parametrize(
    ("ends", "message"),
    [
        ({"input_min": 0.0}, "input_min and input_max together, or neither"),
        ({"fallback_max": 0.0}, "fallback_min and fallback_max together, or neither"),
        ({"input_min": 1.0, "input_max": 1.0}, "input_min is 1.0 and input_max 1.0; wanted a lower and a higher"),
        ({"fallback_min": float("nan"), "fallback_max": 1.0}, "wanted a lower and a higher value"),
    ],
)
def test_a_range_that_is_none_is_refused(ends: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        quantize_nodes(graph_of("y = Relu(x)"), **ends)
