"""The generic eight-bit graph: what it takes in, what it leaves with which reason, and its numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphs import build, run
from octavo.documents.decisions import Decision
from octavo.errors import GraphError, RecipeError
from octavo.generic_eightbit.codes import Range
from octavo.generic_eightbit.generic import quantize_generic
from octavo.generic_eightbit.plan import Settings
from octavo.graph import Graph, from_def, rewire
from octavo.graph.text import parse_graph
from octavo.transform_graph.transform import transform

Body = Callable[[Any, Any], Any]


def floats(values: list[Any]) -> np.ndarray:
    return np.array(values, np.float32)


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    fan_in = max(int(np.prod(shape[:-1])), 1)
    return np.asarray(np.random.default_rng(seed).normal(size=shape) / np.sqrt(fan_in), np.float32)


def image(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def net(tf: Any, x: Any) -> Any:
    y = tf.nn.bias_add(tf.nn.conv2d(x, weights(3, 3, 3, 8), 1, "SAME", name="conv1"), weights(8), name="bias1")
    y = tf.nn.max_pool2d(tf.nn.relu(y, name="relu1"), 2, 2, "SAME", name="pool")
    z = tf.nn.relu6(tf.nn.conv2d(y, weights(1, 1, 8, 8), 1, "SAME", name="conv2"), name="relu2")
    y = tf.nn.avg_pool2d(tf.concat([y, z], -1, name="join"), 2, 2, "SAME", name="mean")
    y = tf.matmul(tf.reshape(y, [-1, 64], name="flat"), weights(64, 5), name="dense")
    return tf.nn.bias_add(y, weights(5), name="bias2")


SHAPE = (None, 8, 8, 3)
X = image(4, 8, 8, 3)


def made(body: Body, settings: Settings | None = None, shape: tuple[int | None, ...] = SHAPE) -> Graph:
    return quantize_generic(build(body, shape), settings or Settings())[0]


def ops(graph: Graph) -> Counter[str]:
    return Counter(n.op for n in graph.nodes.values())


def decided(body: Body, settings: Settings | None = None, shape: tuple[int | None, ...] = SHAPE) -> dict[str, Decision]:
    return {d.name: d for d in quantize_generic(build(body, shape), settings or Settings())[1]}


def signal_to_noise(exact: np.ndarray, found: np.ndarray) -> float:
    return float(np.sqrt(np.mean(exact**2) / np.mean((found - exact) ** 2)))


def test_a_whole_network_stays_in_codes_between_one_quantize_and_one_dequantize() -> None:
    found = ops(made(net))
    assert (found["QuantizeV2"], found["Dequantize"], found["Min"], found["Max"]) == (1, 1, 1, 1)
    assert {op for op in found if op not in QUANTIZED} == {"Placeholder", "Const", "Identity", "Reshape", "Min", "Max"}


QUANTIZED = {
    *("QuantizedConv2D", "QuantizedBiasAdd", "QuantizedRelu", "QuantizedRelu6", "QuantizedMaxPool", "QuantizedAvgPool"),
    *("QuantizedConcat", "QuantizedReshape", "QuantizedMatMul", "RequantizationRange", "Requantize"),
    *("QuantizeV2", "Dequantize"),
}


@pytest.mark.parametrize("strip", [True, False], ids=["stripped", "with_pairs"])
def test_numbers_are_near_float(strip: bool) -> None:
    graph = build(net, SHAPE)
    found, _ = quantize_generic(graph, Settings(strip=strip))
    assert signal_to_noise(run(graph, X)[0], run(found, X)[0]) > 20


def test_carries_the_originals_node_names() -> None:
    nodes = {name: n.op for name, n in made(net, Settings(strip=False)).nodes.items()}
    wanted = {
        "conv1_eightbit_reshape_dims": "Const",
        "conv1_eightbit_reduction_dims": "Const",
        "conv1_eightbit_reshape_x": "Reshape",
        "conv1_eightbit_min_x": "Min",
        "conv1_eightbit_max_x": "Max",
        "conv1_eightbit_quantize_x": "QuantizeV2",
        "conv1_eightbit_quantized_conv": "QuantizedConv2D",
        "conv1_eightbit_requant_range": "RequantizationRange",
        "conv1_eightbit_requantize": "Requantize",
        "conv1": "Dequantize",
        "bias1_eightbit_quantized_bias_add": "QuantizedBiasAdd",
        "relu1_eightbit_quantized": "QuantizedRelu",
        "pool_eightbit_quantized": "QuantizedMaxPool",
        "join_eightbit_quantized_concatv2": "QuantizedConcat",
        "flat_eightbit_quantized_reshape": "QuantizedReshape",
        "dense_eightbit_quantized_mat_mul": "QuantizedMatMul",
        "conv1/filter_quint8_const": "Const",
        "conv1/filter_min": "Const",
        "conv1/filter_max": "Const",
        "conv1/filter": "Dequantize",
    }
    assert {name: nodes.get(name) for name in wanted} == wanted


def test_a_tensor_that_two_ops_read_is_quantized_once() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.nn.relu(x) + tf.nn.max_pool2d(x, 1, 1, "SAME")

    assert ops(made(body))["QuantizeV2"] == 1


def test_small_numbers_keep_their_precision() -> None:
    """TensorFlow's own default widens every range to 0.01 at least."""
    graph = build(lambda tf, x: tf.matmul(x, 1e-3 * weights(16, 8)), (None, 16))
    x = 1e-4 * image(5, 16)
    assert signal_to_noise(run(graph, x)[0], run(quantize_generic(graph, Settings())[0], x)[0]) > 40


def test_a_tensor_of_zeros_is_no_division_by_zero() -> None:
    graph = build(lambda tf, x: tf.nn.relu(tf.matmul(x, weights(4, 3))), (None, 4))
    found, _ = quantize_generic(graph, Settings())
    assert run(found, np.zeros((2, 4), np.float32))[0].tolist() == [[0.0] * 3] * 2


def test_freezes_as_the_dynamic_graphs_of_the_other_route_do() -> None:
    """Log, then freeze: the ranges that RequantizationRange measured become constants."""
    log = "\n".join(f";{n}_eightbit_requant_range__print__;__requant_min_max:[-9][9]" for n in MEASURED)
    dynamic = made(net)
    with_logging = transform(dynamic, 'insert_logging(op=RequantizationRange, show_name=true, message="__m:")')
    assert ops(with_logging)["Print"] == ops(dynamic)["RequantizationRange"] == len(MEASURED)
    frozen = frozen_by(log, dynamic)
    assert ops(frozen)["RequantizationRange"] == 0
    assert signal_to_noise(run(dynamic, X)[0], run(frozen, X)[0]) > 5


MEASURED = ("conv1", "bias1", "conv2", "dense", "bias2")


def frozen_by(log: str, dynamic: Graph) -> Graph:
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "log.txt"
        file.write_text(log)
        return transform(dynamic, f'freeze_requantization_ranges(min_max_log_file="{file}")')


def relu_behind(body: Body) -> Body:
    """The body, and an op that is quantized whatever becomes of it."""
    return lambda tf, x: tf.nn.relu(tf.reduce_sum(body(tf, x)), name="other")


def explicit_pool(tf: Any, x: Any) -> Any:
    return tf.nn.max_pool2d(x, 2, 1, [[0, 0], [1, 1], [1, 1], [0, 0]], name="op")


def depth_pool(tf: Any, x: Any) -> Any:
    return tf.raw_ops.MaxPool(input=x, ksize=[1, 1, 1, 3], strides=[1, 1, 1, 3], padding="SAME", name="op")


NEAR_MISSES: list[tuple[str, Body, str, str | None]] = [
    (
        "dilated",
        lambda tf, x: tf.nn.conv2d(x, weights(3, 3, 3, 4), 1, "SAME", dilations=2, name="op"),
        "dilated",
        "use oneDNN's kernels, which take dilations: --intel_cpu_eightbitize=True",
    ),
    (
        "grouped",
        lambda tf, x: tf.nn.conv2d(x, weights(3, 3, 1, 6), 1, "SAME", name="op"),
        "3 channels in, filters of",
        "write the groups as convs of their own in the model",
    ),
    (
        "explicit",
        lambda tf, x: tf.nn.conv2d(x, weights(3, 3, 3, 4), 1, [[0, 0], [1, 1], [1, 1], [0, 0]], name="op"),
        "padding is explicit",
        "pad with a Pad in front of it, or use SAME or VALID",
    ),
    (
        "explicit_pool",
        explicit_pool,
        "padding is explicit",
        "pad with a Pad in front of it, or use SAME or VALID",
    ),
    (
        "depth_pool",
        depth_pool,
        "over the batch or the channels",
        "use a Mean or Max over those dimensions, which stays float",
    ),
    (
        "depthwise",
        lambda tf, x: tf.nn.depthwise_conv2d(x, weights(3, 3, 3, 1), [1, 1, 1, 1], "SAME", name="op"),
        "qint8 filters",
        None,
    ),
    (
        "infinite",
        lambda tf, x: tf.nn.bias_add(x, floats([0, np.inf, 1]), name="op"),
        "1 of its 3 values are NaN",
        "repair the model's weights",
    ),
    (
        "axis",
        lambda tf, x: tf.concat([x, x], tf.cast(tf.reduce_sum(x) > 1e9, tf.int32), name="op"),
        "axis is not known",
        "make the axis a constant in the model",
    ),
]


@pytest.mark.parametrize(("body", "why", "way_out"), [pytest.param(*case, id=i) for i, *case in NEAR_MISSES])
def test_what_the_kernels_cannot_do_stays_float_with_the_reason(body: Body, why: str, way_out: str | None) -> None:
    decision = decided(relu_behind(body))["op"]
    assert (decision.verdict, decision.way_out) == ("FP32", way_out)
    assert why in str(decision.reason)


def test_channels_first_stays_float_with_the_reason() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.nn.conv2d(x, weights(1, 1, 8, 4), 1, "SAME", data_format="NCHW", name="op")

    assert "not NHWC" in str(decided(relu_behind(body))["op"].reason)


def test_doubles_and_integers_are_no_candidates() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.cast(tf.nn.relu(tf.cast(x, tf.float64), name="double"), tf.float32)

    assert list(decided(relu_behind(body))) == ["other"]


def test_a_graph_with_nothing_to_quantize_is_an_error_that_says_why() -> None:
    with pytest.raises(GraphError, match=r"nothing to quantize: the graph has none of .*Conv2D"):
        made(lambda _, x: x * np.float32(2))
    with pytest.raises(GraphError, match=r"all 1 candidates stay FP32, the first \('op'\) since it is dilated"):
        made(NEAR_MISSES[0][1])


def test_what_is_excluded_stays_float_and_what_is_behind_it_does_not() -> None:
    settings = Settings(excluded_ops=("MaxPool",), excluded_nodes=("conv1",))
    graph = build(net, SHAPE)
    found, decisions = quantize_generic(graph, settings)
    left = {d.name: d.reason for d in decisions if d.verdict == "FP32"}
    assert {d.way_out for d in decisions} == {None, "leave it out of the flag"}
    assert left == {"conv1": "--excluded_nodes has 'conv1'", "pool": "--excluded_ops has 'MaxPool'"}
    assert (ops(found)["Conv2D"], ops(found)["MaxPool"]) == (1, 1)
    assert signal_to_noise(run(graph, X)[0], run(found, X)[0]) > 20


@pytest.mark.parametrize("settings", [Settings(excluded_ops=("Conv3D",)), Settings(excluded_nodes=("conv3",))])
def test_an_exclusion_that_matches_nothing_is_an_error(settings: Settings) -> None:
    with pytest.raises(RecipeError, match=r"--excluded_(ops|nodes): 'Conv3D|conv3' matches none of the"):
        made(net, settings)


def test_pairs_of_different_readings_stay() -> None:
    """The codes of a SCALED Dequantize mean other numbers to an op that reads them from the range's low end."""
    from octavo.generic_eightbit.redundant import strip_redundant_quantization

    graph = made(net, Settings(strip=False))
    nodes = {name: n.with_attrs(mode="SCALED") if name == "relu1" else n for name, n in graph.nodes.items()}
    odd = strip_redundant_quantization(replace(graph, nodes=nodes))
    assert "relu1" in odd.nodes
    assert "relu1" not in strip_redundant_quantization(graph).nodes


def test_float_readers_and_outputs_keep_their_floats() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.relu(x, name="relu")
        return tf.nn.max_pool2d(y, 2, 2, "SAME", name="pool") + tf.reduce_mean(tf.exp(y))

    graph = build(body, SHAPE, outputs=("out", "relu", "pool"))
    found, _ = quantize_generic(graph, Settings())
    for exact, near in zip(run(graph, X), run(found, X), strict=True):
        assert np.abs(exact - near).max() <= 0.1
    assert found.nodes["relu"].op == found.nodes["pool"].op == "Dequantize"


def test_control_edges_are_kept() -> None:
    def body(tf: Any, x: Any) -> Any:
        with tf.control_dependencies([tf.no_op(name="before")]):
            y = tf.nn.relu(x, name="relu")
        with tf.control_dependencies([y]):
            return tf.nn.relu6(x, name="late")

    found = made(body)
    assert "^before" in found.nodes["relu_eightbit_quantized"].inputs
    assert "^relu" in found.nodes["late_eightbit_quantized"].inputs
    assert run(found, X)[0].shape == X.shape


# ranges of FakeQuant


def fake(low: float, high: float, **options: Any) -> Body:
    return lambda tf, y: tf.quantization.fake_quant_with_min_max_vars(y, low, high, name="fake", **options)


def dense(tf: Any, x: Any) -> Any:
    return tf.matmul(tf.reshape(x, [-1, 192]), weights(192, 5), name="dense")


def test_fake_quant_with_args_gives_its_range_too() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.nn.relu(tf.quantization.fake_quant_with_min_max_args(dense(tf, x), -3, 4, name="fake"))

    graph = build(body, SHAPE)
    found, decisions = quantize_generic(graph, Settings())
    assert {d.name: d.rule for d in decisions}["fake"] == "range of dense"
    assert ops(found)["FakeQuantWithMinMaxArgs"] == ops(found)["RequantizationRange"] == 0
    assert np.abs(run(graph, X)[0] - run(found, X)[0]).max() <= 1.6 * 7 / 255 + 0.05


@pytest.mark.parametrize(("low", "high"), [(-1.0, 1.0), (0.5, 3.0), (-2.0, -0.5)], ids=["both", "above", "below"])
def test_a_fake_quant_of_float_ops_cuts_as_it_did(low: float, high: float) -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.nn.relu(fake(low, high)(tf, tf.exp(x) - np.float32(1)))

    graph = build(body, SHAPE)
    found, decisions = quantize_generic(graph, Settings())
    assert {d.name: d.rule for d in decisions}["fake"] == "QuantizeV2"
    assert np.abs(run(graph, X)[0] - run(found, X)[0]).max() <= 1.1 * (high - low) / 255


def test_a_fake_quant_behind_an_op_of_another_range_cuts_its_floats() -> None:
    """The original gives a Relu's codes the FakeQuant's range, whatever range they were made with."""
    graph = build(lambda tf, x: fake(0, 1)(tf, tf.nn.relu(10 * x, name="relu")), SHAPE)
    found, _ = quantize_generic(graph, Settings())
    exact = run(graph, X)[0]
    assert np.abs(exact - run(found, X)[0]).max() <= 40 / 255
    assert exact.max() <= 1.0


def test_a_fake_quant_of_weights_makes_them_codes_of_its_range() -> None:
    def body(tf: Any, x: Any) -> Any:
        kernel = fake(-0.2, 0.3)(tf, tf.constant(weights(3, 3, 3, 4), name="w"))
        return tf.nn.conv2d(x, kernel, 1, "SAME")

    graph = build(body, SHAPE)
    found, _ = quantize_generic(graph, Settings())
    assert {"fake_quint8_const", "fake_min", "fake_max"} <= found.nodes.keys()
    assert "w" not in found.nodes
    assert signal_to_noise(run(graph, X)[0], run(found, X)[0]) > 40


def test_an_op_with_other_readers_keeps_its_own_range() -> None:
    """The original ends in an error here."""

    def body(tf: Any, x: Any) -> Any:
        y = dense(tf, x)
        return fake(-0.5, 0.5)(tf, y) + tf.exp(y)

    graph = build(body, SHAPE)
    found, decisions = quantize_generic(graph, Settings())
    assert {d.name: d.rule for d in decisions}["fake"] == "QuantizeV2"
    assert signal_to_noise(run(graph, X)[0], run(found, X)[0]) > 40


def test_a_range_that_is_computed_is_used_as_it_comes() -> None:
    def body(tf: Any, x: Any) -> Any:
        top = tf.reduce_max(tf.abs(x))
        return tf.quantization.fake_quant_with_min_max_vars(dense(tf, x), -top, top, name="fake")

    graph = build(body, SHAPE)
    found, _ = quantize_generic(graph, Settings())
    assert ops(found)["RequantizationRange"] == 0
    assert np.abs(run(graph, X)[0] - run(found, X)[0]).max() <= 2.5 * 2 * np.abs(X).max() / 255


@pytest.mark.parametrize(
    ("options", "why", "wanted"),
    [
        ({"num_bits": 4}, "it has 4 bits", "of 8 bits"),
        ({"narrow_range": True}, "its range is narrow", "whose narrow_range is false"),
    ],
    ids=["bits", "narrow"],
)
def test_other_fake_quants_stay_float_with_the_reason(options: dict[str, Any], why: str, wanted: str) -> None:
    def body(tf: Any, x: Any) -> Any:
        return fake(-1, 1, **options)(tf, dense(tf, x))

    left = decided(body)["fake"]
    assert why in str(left.reason)
    assert left.way_out == f"train with FakeQuants {wanted}"
    graph = build(body, SHAPE)
    assert ops(quantize_generic(graph, Settings())[0])["FakeQuantWithMinMaxVars"] == 1


def test_a_fake_quant_for_each_channel_stays_float_with_the_reason() -> None:
    def body(tf: Any, x: Any) -> Any:
        ends = floats([-1] * 5), floats([1] * 5)
        return tf.quantization.fake_quant_with_min_max_vars_per_channel(dense(tf, x), *ends, name="fake")

    assert "one range for a tensor" in str(decided(body)["fake"].reason)


def test_fed_codes_are_dequantized_for_float_readers() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.nn.relu(x) + tf.exp(x)

    found = made(body, Settings(input_range=Range(0, 2.55)), shape=(None, 4))
    x = np.array([[0, 1, 100, 255]], np.uint8)
    exact = np.maximum(x * 0.01, 0) + np.exp(x * 0.01)
    assert np.allclose(run(found, x)[0], exact, atol=1e-5)
    assert found.nodes["x_dequantize"].op == "Dequantize"


# graphs that are not plain


@pytest.mark.parametrize("functional", [True, False], ids=["function", "frame"])
def test_the_body_of_a_loop_stays_float_with_the_reason(functional: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.python.ops import control_flow_util

    monkeypatch.setattr(control_flow_util, "ENABLE_CONTROL_FLOW_V2", functional)

    def body(tf: Any, x: Any) -> Any:
        def step(i: Any, y: Any) -> Any:
            return i + 1, tf.nn.relu(tf.matmul(y, weights(4, 4), name="inner"))

        y = tf.matmul(x, weights(4, 4), name="outer")
        return tf.nn.relu6(tf.while_loop(lambda i, _: i < 3, step, [tf.constant(0), y])[1])

    graph = build(body, (2, 4))
    found, decisions = quantize_generic(graph, Settings())
    inner = next(d for d in decisions if "inner" in d.name)
    assert ("inside the function" if functional else "body of a loop") in str(inner.reason)
    assert {d.name: d.verdict for d in decisions}["outer"] == "INT8"
    x = image(2, 4)
    assert np.abs(run(graph, x)[0] - run(found, x)[0]).max() <= 0.1


def test_both_branches_of_an_old_conditional_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.python.ops import control_flow_util

    monkeypatch.setattr(control_flow_util, "ENABLE_CONTROL_FLOW_V2", False)

    def body(tf: Any, x: Any) -> Any:
        def branch(seed: int) -> Callable[[], Any]:
            return lambda: tf.nn.relu(tf.matmul(x, weights(4, 4, seed=seed)))

        return tf.compat.v1.cond(tf.reduce_sum(x) > 0, branch(1), branch(2)) + np.float32(1)

    graph = build(body, (2, 4))
    found, _ = quantize_generic(graph, Settings())
    assert ops(found)["QuantizedMatMul"] == 2
    for x in (image(2, 4), -image(2, 4)):
        assert np.abs(run(graph, x)[0] - run(found, x)[0]).max() <= 0.05


def test_a_chain_of_many_ops_takes_no_recursion_and_linear_time() -> None:
    import tensorflow as tf

    built = tf.Graph()
    with built.as_default():
        y = tf.compat.v1.placeholder(tf.float32, (1, 4), name="x")
        for _ in range(1500):
            y = tf.raw_ops.Relu(features=y)
        tf.identity(y, name="out")
    graph = from_def(built.as_graph_def()).with_ends(["x"], ["out"])
    found, _ = quantize_generic(graph, Settings())
    assert (ops(found)["QuantizedRelu"], ops(found)["QuantizeV2"]) == (1500, 1)


def test_a_number_that_is_checked_is_read_through_and_the_reader_keeps_its_input() -> None:
    """TensorFlow's remove_training_nodes drops the input of a node that reads a CheckNumerics."""

    def body(tf: Any, x: Any) -> Any:
        return tf.nn.relu(tf.debugging.check_numerics(x, "x"))

    assert np.allclose(run(made(body), X)[0], np.maximum(X, 0), atol=0.02)


def test_a_check_that_keeps_a_constant_in_its_loop_stays() -> None:
    from octavo.generic_eightbit.training_nodes import remove_training_nodes

    graph = parse_graph("""
        zero = Const()
        e = Enter(zero) frame_name="f"
        m = Merge(e, n)
        s = Switch(m, c)
        c = LoopCond(m)
        check = CheckNumerics(s:1)
        w = Const(^check)
        free = CheckNumerics(w)
        b = Add(check, free)
        n = NextIteration(b)
        x = Exit(s)
    """)
    left = remove_training_nodes(graph)
    assert left.nodes["w"].inputs == ("^check",)
    assert left.nodes["b"].inputs == ("check", "w")


def test_a_node_that_another_is_placed_with_stays() -> None:
    from octavo.generic_eightbit.training_nodes import remove_training_nodes

    def body(tf: Any, x: Any) -> Any:
        return tf.nn.relu(tf.identity(x, name="anchor"), name="relu")

    graph = build(body, SHAPE)
    placed = {**graph.nodes, "relu": graph.nodes["relu"].with_attrs(_class=("loc:@anchor",))}
    assert "anchor" in remove_training_nodes(replace(graph, nodes=placed)).nodes
    assert "anchor" not in remove_training_nodes(graph).nodes


def test_a_constant_is_told_apart_from_one_behind_an_identity_that_is_fetched() -> None:
    def body(tf: Any, x: Any) -> Any:
        w = tf.identity(tf.constant(weights(3, 4)), name="fetched")
        return tf.matmul(tf.reshape(x, [-1, 3]), w)

    graph = build(body, SHAPE, outputs=("out", "fetched"))
    found, _ = quantize_generic(graph, Settings())
    assert np.array_equal(run(found, X)[1], weights(3, 4))
    assert signal_to_noise(run(graph, X)[0], run(found, X)[0]) > 40


def test_rewired_readers_see_a_stripped_pair_through_control_edges() -> None:
    from octavo.generic_eightbit.redundant import strip_redundant_quantization

    graph = made(net, Settings(strip=False))
    quantizing = next(n for n in graph.nodes.values() if n.op == "QuantizeV2" and n.inputs[0] == "relu1")
    late = replace(graph.nodes["out"], inputs=(*graph.nodes["out"].inputs, f"^{quantizing.name}"))
    waiting = graph.with_nodes(rewire([*(n for n in graph.nodes.values() if n.name != "out"), late], {}))
    stripped = strip_redundant_quantization(waiting)
    assert stripped.nodes["out"].inputs[-1] == "^relu1_eightbit_quantized"
