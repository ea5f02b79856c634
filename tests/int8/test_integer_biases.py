"""Biases as whole numbers: the same outputs as float32 biases, to half a step of the multiply-adds."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphs import build, freeze, run
from octavo.graph import Graph, const_value
from octavo.int8.integer_biases import with_integer_biases
from octavo.int8.lowering import lower
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Recipe, Target


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) / np.float32(np.sqrt(np.prod(shape[:-1])))


def residual(tf: Any, x: Any) -> Any:
    """A first conv with signed data, a depthwise conv, and a conv that sums."""
    y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, weights(3, 3, 4, 8), 1, "SAME"), weights(8, seed=9)))
    z = tf.nn.depthwise_conv2d(y, weights(3, 3, 8, 1, seed=2), [1, 1, 1, 1], "SAME")
    z = tf.nn.relu(tf.nn.bias_add(z, weights(8, seed=8)))
    z = tf.nn.bias_add(tf.nn.conv2d(z, weights(1, 1, 8, 8, seed=3), 1, "SAME"), weights(8, seed=7))
    return tf.nn.relu(z + y)


def lowered(body: Any, x: np.ndarray, target: Target = "fused") -> Graph:
    dynamic, _ = quantize(build(body, (None, *x.shape[1:])), Recipe(bias="qint32"))
    return lower(freeze(dynamic, x), target=target).graph


def biases(graph: Graph) -> dict[str, str]:
    """Op type of each conv and matmul kernel -> the type of its bias."""
    return {n.op: n.dtype("Tbias") for n in graph.nodes.values() if "Tbias" in n.attrs}


@pytest.mark.int8
@pytest.mark.parametrize("target", ["fused", "public"])
def test_outputs_differ_by_one_step_at_most(target: Target) -> None:
    x = np.random.default_rng(1).normal(size=(2, 8, 8, 4)).astype(np.float32)
    plain = lowered(residual, x, target)
    whole = with_integer_biases(plain).graph
    assert set(biases(whole).values()) == {"qint32"}
    before, after = run(plain, x)[0], run(whole, x)[0]
    off = np.abs(before - after)
    assert off.max() <= 1.05 * np.ptp(before) / 255
    assert np.mean(off > 0) < 0.02


def test_a_matmul_keeps_its_float_bias() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.bias_add(tf.matmul(x, weights(16, 8)), weights(8))
        return tf.nn.bias_add(tf.matmul(tf.nn.relu(y), weights(8, 4)), weights(4))

    x = np.random.default_rng(1).normal(size=(4, 16)).astype(np.float32)
    plain = lowered(body, x)
    assert biases(plain)
    assert with_integer_biases(plain).graph == plain


def test_a_bias_too_large_for_its_channels_steps_stays_float() -> None:
    def body(tf: Any, x: Any) -> Any:
        kernel = weights(1, 1, 4, 4)
        kernel[..., 0] = 0
        return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), np.full(4, 7, np.float32)))

    x = np.random.default_rng(1).normal(size=(2, 8, 8, 4)).astype(np.float32)
    whole = with_integer_biases(lowered(body, x)).graph
    assert biases(whole) == {"_FusedQuantizedConv2D": "float32"}


def test_a_bias_that_two_kernels_read_stays_float() -> None:
    x = np.random.default_rng(1).normal(size=(2, 8, 8, 4)).astype(np.float32)
    plain = lowered(residual, x)
    kernels = [n for n in plain.nodes.values() if "Tbias" in n.attrs]
    shared = {n.name: n.data_inputs[2] for n in kernels}
    first, second = kernels[0], kernels[1]
    inputs = tuple(shared[first.name] if t == shared[second.name] else t for t in second.inputs)
    nodes = [replace(n, inputs=inputs) if n.name == second.name else n for n in plain.nodes.values()]
    whole = with_integer_biases(plain.with_nodes(nodes)).graph
    assert [whole.nodes[n.name].dtype("Tbias") for n in kernels] == ["float32", "float32", "qint32"]


def test_the_codes_are_the_bias_in_steps_of_input_times_weight() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, weights(1, 1, 4, 4), 1, "SAME"), weights(4)))

    x = np.random.default_rng(1).normal(size=(2, 8, 8, 4)).astype(np.float32)
    plain = lowered(body, x)
    [kernel] = [n for n in plain.nodes.values() if "Tbias" in n.attrs]
    bias, _, high, _, filter_high = (const_value(plain.nodes[t]) for t in kernel.data_inputs[2:7])
    codes = const_value(with_integer_biases(plain).graph.nodes[kernel.data_inputs[2]])
    assert np.array_equal(codes, np.rint(bias / (high / 127 * filter_high / 127)))
