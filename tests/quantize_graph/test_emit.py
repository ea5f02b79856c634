"""The dynamic-range graph: Intel's names, and arithmetic that runs before the ranges are known."""

from typing import Any

import numpy as np

from graphs import build, run
from octavo.graph import to_def
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Recipe


def net(tf: Any, x: Any) -> Any:
    rng = np.random.default_rng(0)
    y = tf.nn.conv2d(x, rng.normal(size=(3, 3, 4, 8)).astype(np.float32), 1, "SAME", name="conv1")
    y = tf.nn.relu(tf.nn.bias_add(y, rng.normal(size=8).astype(np.float32), name="bias1"), name="relu1")
    y = tf.nn.depthwise_conv2d(y, rng.normal(size=(3, 3, 8, 1)).astype(np.float32), [1, 1, 1, 1], "SAME", name="dw")
    return tf.nn.relu6(y, name="relu2")


def x(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 8, 8, 4)).astype(np.float32)


def test_carries_intels_node_names() -> None:
    dynamic, _ = quantize(build(net, (None, 8, 8, 4)), Recipe())
    ops = {name: node.op for name, node in dynamic.nodes.items()}
    assert ops["conv1_eightbit_requant_range"] == "RequantizationRange"
    assert ops["conv1_eightbit_requantize"] == "QuantizeV2"
    assert ops["conv1_eightbit_quantized_conv"] == "Relu"
    assert ops["relu1"] == "Dequantize"
    assert ops["dw_eightbit_quantized_depthwise_conv"] == "Relu6"
    assert ops["conv1_eightbit_requant_range_x"] == "RequantizationRange"


def test_reports_the_exact_range_of_each_tensor() -> None:
    graph = build(net, (None, 8, 8, 4))
    dynamic, _ = quantize(graph, Recipe())
    low, high = run(dynamic, x(), ("conv1_eightbit_requant_range_x", "conv1_eightbit_requant_range_x:1"))
    assert np.isclose(low, x().min(), rtol=1e-6)
    assert np.isclose(high, x().max(), rtol=1e-6)


def test_the_dynamic_graph_is_near_the_float_graph() -> None:
    graph = build(net, (None, 8, 8, 4))
    dynamic, _ = quantize(graph, Recipe())
    exact, dynamic_values = run(graph, x())[0], run(dynamic, x())[0]
    signal_to_noise = np.sqrt(np.mean(exact**2) / np.mean((dynamic_values - exact) ** 2))
    assert signal_to_noise > 25


def test_is_the_same_to_the_byte_each_time() -> None:
    graph = build(net, (None, 8, 8, 4))
    first, second = (to_def(quantize(graph, Recipe())[0]).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_a_filter_shared_by_two_convs_is_stored_once() -> None:
    def shared(tf: Any, image: Any) -> Any:
        kernel = tf.constant(np.random.default_rng(0).normal(size=(1, 1, 4, 4)).astype(np.float32), name="w")
        y = tf.nn.relu(tf.nn.conv2d(image, kernel, 1, "SAME"))
        return tf.nn.relu(tf.nn.conv2d(y, kernel, 1, "SAME"))

    dynamic, _ = quantize(build(shared, (None, 8, 8, 4)), Recipe())
    assert [n for n in dynamic.nodes if n.endswith("_qint8_const")] == ["w_qint8_const"]
