"""The cases of the original quantize_graph's own tests, with its tolerance of 1.0 where it has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphs import build, run
from octavo.errors import SpecError
from octavo.generic_eightbit.codes import Range, dequantize, quantize, quantized_const
from octavo.generic_eightbit.flags import check_flags, input_range
from octavo.generic_eightbit.generic import quantize_generic
from octavo.generic_eightbit.plan import Settings
from octavo.generic_eightbit.redundant import strip_redundant_quantization
from octavo.generic_eightbit.training_nodes import remove_training_nodes
from octavo.generic_eightbit.weights import quantize_array, round_weights
from octavo.graph import Graph, Node, const_node, from_def, safe_name, to_def
from octavo.graph.attrs import DType
from octavo.graph.names import producer_name

Body = Callable[[Any], Any]
UNUSED = np.zeros(1, np.float32)


def floats(values: list[Any]) -> np.ndarray:
    return np.array(values, np.float32)


def ramp(*shape: int, start: float = 1) -> np.ndarray:
    return np.arange(start, start + np.prod(shape), dtype=np.float32).reshape(shape)


def constant_graph(body: Body) -> Graph:
    return build(lambda tf, _: body(tf), (1,))


def value(graph: Graph) -> np.ndarray:
    return run(graph, UNUSED)[0]


def eightbit(graph: Graph, settings: Settings | None = None) -> Graph:
    return quantize_generic(graph, settings or Settings())[0]


def ops(graph: Graph) -> Counter[str]:
    return Counter(n.op for n in graph.nodes.values())


def quantizing(graph: Graph) -> int:
    return ops(graph)["Quantize"] + ops(graph)["QuantizeV2"]


def assert_modes_are_near(graph: Graph, tolerance: float = 1.0) -> Graph:
    """Compare modes eightbit and weights_rounded with float; return the eight-bit graph."""
    exact, made = value(graph), eightbit(graph)
    for each in (made, round_weights(graph, 8)[0]):
        assert value(each).shape == exact.shape
        assert np.abs(value(each) - exact).max() <= tolerance
    return made


def conv(size: tuple[int, ...], kernel: tuple[int, ...], stride: int, weights: np.ndarray | None = None) -> Body:
    filters = ramp(*kernel) if weights is None else weights.reshape(kernel)
    return lambda tf: tf.nn.conv2d(tf.constant(ramp(*size)), filters, stride, "SAME")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(conv((1, 4, 4, 1), (3, 3, 1, 1), 2), id="odd_padding"),
        pytest.param(conv((1, 3, 4, 1), (3, 3, 1, 1), 1, np.array([1, 4, 7, 2, 5, 8, 3, 6, 9], np.float32)), id="conv"),
    ],
)
def test_convolutions(body: Body) -> None:
    assert ops(assert_modes_are_near(constant_graph(body)))["QuantizedConv2D"] == 1


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([[2]], [[3]]),
        ([[1]], [[2, 3]]),
        ([[1, 1]], [[1], [1]]),
        ([[0, 0]], [[1], [1]]),
        ([[1, 2]], [[1], [2]]),
        (ramp(2, 3), ramp(3, 4, start=7)),
    ],
    ids=["one", "two_columns", "equal", "zeros", "dot", "small"],
)
def test_matmuls_even_where_all_numbers_are_equal(a: Any, b: Any) -> None:
    graph = constant_graph(lambda tf: tf.matmul(tf.constant(a, tf.float32), tf.constant(b, tf.float32)))
    assert ops(assert_modes_are_near(graph))["QuantizedMatMul"] == 1


def test_a_reshape_between_matmuls_hands_codes_on() -> None:
    def body(tf: Any) -> Any:
        product = tf.matmul(ramp(4, 1, start=0), ramp(1, 5, start=0) + np.float32(0.5))
        return tf.matmul(tf.reshape(product, [10, 2]), np.array([[1.5], [2.5]], np.float32))

    made = assert_modes_are_near(constant_graph(body))
    assert (quantizing(made), ops(made)["QuantizedReshape"], ops(made)["Dequantize"]) == (0, 1, 1)


def test_a_negative_constant_becomes_four_nodes_that_say_its_value() -> None:
    nodes = quantized_const(const_node("w", floats([-0.8])), floats([-0.8]), "MIN_COMBINED")
    assert [n.name for n in nodes] == ["w_quint8_const", "w_min", "w_max", "w"]
    graph = Graph({n.name: n for n in [Node("x", "Placeholder", (), {"dtype": DType("float32")}), *nodes]})
    assert np.allclose(value(graph.with_ends(["x"], ["w"])), -0.8, atol=1e-6)


def test_quantize_array() -> None:
    array = np.array([0, 0.3, 0.6, 1], np.float32)
    assert quantize_array(array, 1).tolist() == [0.5] * 4
    assert quantize_array(array, 2).tolist() == [0.25, 0.25, 0.75, 0.75]
    assert quantize_array(np.ones((2, 3), np.float32), 4).tolist() == [[1.0] * 3] * 2
    with pytest.raises(SpecError, match="0 buckets; wanted at least 1"):
        quantize_array(array, 0)
    with pytest.raises(SpecError, match="empty array"):
        quantize_array(array[:0], 2)


def relu_of_integers(tf: Any, joined: Any) -> Any:
    """A float op beside integer ones, so that there is something to quantize."""
    return tf.nn.relu(tf.constant(ramp(2))) + tf.cast(tf.reduce_sum(joined), tf.float32)


def test_integers_are_joined_and_reshaped_as_they_were() -> None:
    def body(tf: Any) -> Any:
        numbers = tf.constant(np.arange(12, dtype=np.int32).reshape(2, 2, 3))
        return relu_of_integers(tf, tf.reshape(tf.concat([numbers, numbers], 0), [4, 6]))

    made = assert_modes_are_near(constant_graph(body))
    assert (ops(made)["QuantizedConcat"], ops(made)["QuantizedReshape"]) == (0, 0)


@pytest.mark.parametrize("op", ["ConcatV2", "Concat"])
def test_concats(op: str) -> None:
    def body(tf: Any) -> Any:
        parts = [tf.constant(ramp(2, 2, 3)), tf.constant(ramp(2, 2, 3, start=13))]
        if op == "Concat":
            return tf.raw_ops.Concat(concat_dim=0, values=parts)
        return tf.concat(parts, 0)

    assert ops(assert_modes_are_near(constant_graph(body)))["QuantizedConcat"] == 1


def test_several_outputs_of_one_node_keep_their_places() -> None:
    def body(tf: Any) -> Any:
        first, second = tf.split(tf.constant(ramp(2, 4)), 2, axis=1)
        return tf.concat([second, first], 0)

    assert ops(assert_modes_are_near(constant_graph(body)))["QuantizedConcat"] == 1


def test_names_of_inputs() -> None:
    assert producer_name("^SomeName:2") == "SomeName"
    assert safe_name("^SomeName:2") == "__hat__SomeName__port__2"


def test_an_identity_is_read_through() -> None:
    def body(tf: Any) -> Any:
        x = tf.nn.relu(tf.identity(tf.constant(ramp(1, 12))))
        return tf.multiply(x, x)

    assert_modes_are_near(constant_graph(body))


def test_control_edges_stay_and_training_nodes_go() -> None:
    import tensorflow as tf

    made = tf.Graph()
    with made.as_default():
        nothing = tf.no_op(name="no_op")
        a = tf.constant(1.0, name="a_constant")
        with tf.control_dependencies([tf.debugging.check_numerics(a, "a", name="a_check"), nothing]):
            a = tf.identity(a, name="a_identity")
        b = tf.constant(1.0, name="b_constant")
        with tf.control_dependencies([tf.debugging.check_numerics(b, "b", name="b_check")]):
            b = tf.identity(b, name="b_identity")
        tf.add(a, b, name="add")
    graph = from_def(made.as_graph_def()).with_ends([], ["add"])
    left = remove_training_nodes(graph).without_dead_nodes()
    assert {n.name: n.inputs for n in left.nodes.values()} == {
        "no_op": (),
        "a_constant": (),
        "a_identity": ("a_constant", "^no_op"),
        "b_constant": (),
        "add": ("a_identity", "b_constant"),
    }


def test_batch_norm_with_global_normalization() -> None:
    """The op was taken out in version 9 of GraphDef, so that the graph must say that it is older."""
    from tensorflow.core.framework import versions_pb2

    kinds = {"T": DType("float32"), "variance_epsilon": 0.001}
    parts = {
        "t": np.array([1, 4, 2, 5, 3, 6, -1, -4, -2, -5, -3, -6], np.float32).reshape(1, 1, 6, 2),
        "m": floats([10, 20]),
        "v": floats([0.25, 0.5]),
        "beta": floats([0.1, 0.6]),
        "gamma": floats([0, 0]),
    }
    nodes = [Node("x", "Placeholder", (), {"dtype": DType("float32")})]
    nodes += [const_node(name, array) for name, array in parts.items()]
    attrs = kinds | {"scale_after_normalization": False}
    nodes.append(Node("out", "BatchNormWithGlobalNormalization", tuple(parts), attrs))
    graph = Graph({n.name: n for n in nodes}, versions=versions_pb2.VersionDef(producer=8)).with_ends(["x"], ["out"])
    made = eightbit(graph)
    assert ops(made)["QuantizedBatchNormWithGlobalNormalization"] == 1
    assert np.abs(value(made) - value(graph)).max() <= 1.0


@pytest.mark.parametrize(
    ("body", "op"),
    [
        (lambda tf, x: tf.nn.max_pool2d(x, 2, 1, "SAME"), "QuantizedMaxPool"),
        (lambda tf, x: tf.nn.avg_pool2d(x, 2, 1, "SAME"), "QuantizedAvgPool"),
        (lambda tf, x: tf.nn.relu(x), "QuantizedRelu"),
        (lambda tf, x: tf.nn.relu6(x), "QuantizedRelu6"),
    ],
    ids=["max_pool", "avg_pool", "relu", "relu6"],
)
def test_pools_and_activations(body: Callable[[Any, Any], Any], op: str) -> None:
    made = assert_modes_are_near(constant_graph(lambda tf: body(tf, tf.constant(ramp(1, 2, 6, 1)))))
    assert ops(made)[op] == 1


def test_a_relu_takes_the_range_of_the_fake_quant_behind_it() -> None:
    def body(tf: Any) -> Any:
        x = tf.nn.relu(tf.constant(ramp(1, 2, 6, 1)))
        return tf.quantization.fake_quant_with_min_max_vars(x, 0.0, 12.0)

    made = assert_modes_are_near(constant_graph(body))
    assert (quantizing(made), ops(made)["Dequantize"]) == (0, 1)


def bias_add(tf: Any) -> Any:
    return tf.nn.bias_add(tf.constant(ramp(1, 1, 2, 6)), tf.constant(floats([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])))


def test_bias_add() -> None:
    assert ops(assert_modes_are_near(constant_graph(bias_add)))["QuantizedBiasAdd"] == 1


def test_an_input_range_wants_a_low_end_below_its_high_end_and_eight_bits() -> None:
    flags = dict.fromkeys(("per_channel", "recipe", "quantized_fallback_min", "quantized_fallback_max"))
    flags |= {"bitdepth": 8, "strip_redundant_quantization": True, "excluded_ops": (), "excluded_nodes": ()}
    flags |= {"quantized_input": True, "quantized_input_min": 0, "quantized_input_max": -1}
    with pytest.raises(SpecError, match="quantized_input does not go with --mode=weights_rounded"):
        check_flags("weights_rounded", flags)
    with pytest.raises(SpecError, match="quantized_input_min=0 and --quantized_input_max=-1 make no range"):
        input_range(flags)


@pytest.mark.parametrize(
    ("body", "span", "shapes"),
    [
        (lambda tf, x, y: tf.nn.bias_add(x, tf.reshape(y, [6])), Range(-1, 20), ((1, 1, 2, 6), (1, 6))),
        (lambda tf, x, y: tf.nn.bias_add(x, tf.reshape(y, [6])), Range(0, 12), ((1, 1, 2, 6), (1, 6))),
        (lambda tf, x, y: tf.matmul(x, y), Range(-1, 20), ((2, 3), (3, 2))),
        (lambda tf, x, y: tf.matmul(x, y), Range(0, 6), ((2, 3), (3, 2))),
    ],
    ids=["bias_add", "bias_add_narrow", "matmul", "matmul_narrow"],
)
def test_placeholders_are_fed_codes(body: Any, span: Range, shapes: tuple[tuple[int, ...], ...]) -> None:
    """Within 0.5, as the original said; its own test never ran on Python 3."""
    import tensorflow as tf

    from octavo.runtime.session import GraphSession

    built = tf.Graph()
    with built.as_default():
        x, y = (tf.compat.v1.placeholder(tf.float32, s, name=n) for n, s in zip("xy", shapes, strict=True))
        tf.identity(body(tf, x, y), name="out")
    graph = from_def(built.as_graph_def()).with_ends(["x", "y"], ["out"])
    step = (span.high - span.low) / 255
    codes = {
        n: (np.arange(np.prod(s)) * 20 % 256).astype(np.uint8).reshape(s) for n, s in zip("xy", shapes, strict=True)
    }
    floats = {n: (c * step + round(span.low / step) * step).astype(np.float32) for n, c in codes.items()}
    with GraphSession(graph) as session:
        exact = session.run(floats)[0]
    made = eightbit(graph, Settings(input_range=span))
    with GraphSession(made) as session:
        found = session.run(codes)[0]
    assert np.abs(found - exact).max() <= max(0.5, 1.5 * np.ptp(exact) / 255)
    assert (quantizing(made), ops(made)["Dequantize"]) == (0, 1)
    assert quantizing(eightbit(graph)) == 2


def test_a_bias_add_takes_the_range_of_the_fake_quant_behind_it_before_the_fallback() -> None:
    def body(tf: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_vars(bias_add(tf), -0.5, 15.5)

    graph = constant_graph(body)
    made = eightbit(graph, Settings(fallback_range=Range(-100, 100)))
    assert np.abs(value(made) - value(graph)).max() <= 1.0
    assert (quantizing(made), ops(made)["Dequantize"], ops(made)["RequantizationRange"]) == (0, 1, 0)
    assert not [name for name in made.nodes if name.startswith("fallback_")]


def test_a_fallback_range_stands_for_a_measured_one() -> None:
    graph = constant_graph(bias_add)
    made = eightbit(graph, Settings(fallback_range=Range(-0.5, 15.5)))
    assert np.abs(value(made) - value(graph)).max() <= 1.0
    assert (quantizing(made), ops(made)["Dequantize"], ops(made)["RequantizationRange"]) == (0, 1, 0)
    assert {"fallback_quantization_min_value", "fallback_quantization_max_value"} <= made.nodes.keys()


def test_redundant_pairs_go_and_leave_exactly_the_product() -> None:
    """The original's graph reads outputs 1 and 2 of a Dequantize, which has one; the range's own tensors are meant."""
    consts = [const_node(f"{s}_codes", np.array([[1, 2], [3, 4]], np.uint8), "quint8") for s in "ab"]
    consts += [const_node(f"{s}_{end}", np.float32(at)) for s in "ab" for end, at in (("min", 2), ("max", 7))]
    pairs = []
    inputs: dict[str, tuple[str, ...]] = {"codes": (), "ends": ()}
    for s in "ab":
        ends = (f"{s}_min", f"{s}_max")
        pairs += [dequantize(f"{s}_floats", (f"{s}_codes", *ends)), quantize(f"{s}_again", (f"{s}_floats", *ends))]
        inputs["codes"] += (f"{s}_again",)
        inputs["ends"] += (f"{s}_again:1", f"{s}_again:2")
    kinds = {"T1": DType("quint8"), "T2": DType("quint8"), "Toutput": DType("qint32")}
    product = Node("out", "QuantizedMatMul", (*inputs["codes"], *inputs["ends"]), kinds)
    graph = Graph({n.name: n for n in [*consts, *pairs, product]}).with_ends([], ["out"])
    wanted = Node("out", "QuantizedMatMul", ("a_codes", "b_codes", "a_min", "a_max", "b_min", "b_max"), kinds)
    expected = Graph({n.name: n for n in [*consts, wanted]}, outputs=("out",))
    assert to_def(strip_redundant_quantization(graph)) == to_def(expected)
