"""Gelu, in the ways that frameworks spell it out, and what only looks like it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphs import build, quantized, without_identity
from octavo.graph import Graph
from octavo.int8.chain import Chain, climb
from octavo.transform_graph.transform import transform

Spelling = Callable[[Any, Any], Any]
ROOT_2_BY_PI = 0.7978845608028654


def cube(tf: Any, x: Any) -> Any:
    return tf.pow(x, 3.0)


EXACT: dict[str, Spelling] = {
    "tf.nn.gelu": lambda tf, x: tf.nn.gelu(x),
    "half of x first": lambda tf, x: 0.5 * x * (1.0 + tf.math.erf(x / 1.4142135623730951)),
    "x times the distribution": lambda tf, x: x * (0.5 * (1.0 + tf.math.erf(x / np.sqrt(2.0).astype(np.float32)))),
    "x times a root of a half": lambda tf, x: x * 0.5 * (tf.math.erf(x * 0.7071067811865476) + 1.0),
    "erfc": lambda tf, x: 0.5 * x * tf.math.erfc(-x * 0.70710678),
}
APPROXIMATE: dict[str, Spelling] = {
    "tf.nn.gelu": lambda tf, x: tf.nn.gelu(x, approximate=True),
    "a power": lambda tf, x: 0.5 * x * (1.0 + tf.tanh(ROOT_2_BY_PI * (x + 0.044715 * cube(tf, x)))),
    "products": lambda tf, x: x * (0.5 * (1.0 + tf.tanh(0.797885 * (x + 0.044715 * x * x * x)))),
    "factored": lambda tf, x: 0.5 * x * (1.0 + tf.tanh(x * 0.7978845608 * (1.0 + 0.044715 * tf.square(x)))),
}
NO_GELU: dict[str, Spelling] = {
    "a sigmoid's": lambda tf, x: x * tf.sigmoid(1.702 * x),
    "another factor": lambda tf, x: 0.5 * x * (1.0 + tf.math.erf(x / 1.5)),
    "a third": lambda tf, x: 0.3 * x * (1.0 + tf.math.erf(x / 1.4142135)),
    "an open end": lambda tf, x: 0.5 * x * (1.0 + tf.math.erf(x / 1.4142135)) + tf.exp(x),
}


def dense(activation: Spelling, *, bias: bool = True, dims: int = 2) -> Graph:
    rng = np.random.default_rng(0)

    def body(tf: Any, x: Any) -> Any:
        y = tf.linalg.matmul(x, rng.normal(size=(16, 24)).astype(np.float32), name="dense")
        y = tf.nn.bias_add(y, rng.normal(size=24).astype(np.float32)) if bias else y
        y = activation(tf, y)
        return tf.linalg.matmul(y, rng.normal(size=(24, 8)).astype(np.float32), name="second")

    return without_identity(build(body, (None, 16) if dims == 2 else (None, 3, 16)))


def chain_of(graph: Graph) -> Chain:
    return climb(graph, graph.nodes["dense"])


@pytest.mark.parametrize("spelling", EXACT)
def test_an_exact_gelu_is_known_by_what_it_computes(spelling: str) -> None:
    assert chain_of(dense(EXACT[spelling])).ops == ("MatMul", "BiasAdd", "GeluExact")


@pytest.mark.parametrize("spelling", APPROXIMATE)
def test_an_approximate_gelu_is_known_by_what_it_computes(spelling: str) -> None:
    assert chain_of(dense(APPROXIMATE[spelling])).ops == ("MatMul", "BiasAdd", "GeluApproximate")


@pytest.mark.parametrize("spelling", NO_GELU)
def test_another_function_is_no_gelu(spelling: str) -> None:
    assert chain_of(dense(NO_GELU[spelling])).ops == ("MatMul", "BiasAdd")


def test_a_gelu_whose_input_is_fetched_stays_float() -> None:
    graph = dense(EXACT["tf.nn.gelu"])
    named = graph.with_ends(graph.inputs, (*graph.outputs, "BiasAdd"))
    assert chain_of(named).ops == ("MatMul", "BiasAdd")


def test_a_gelu_that_another_op_reads_a_part_of_stays_float() -> None:
    graph = dense(lambda tf, x: tf.nn.gelu(x) * tf.nn.softmax(x))
    assert chain_of(graph).ops == ("MatMul", "BiasAdd")


@pytest.mark.int8
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("spelling", [EXACT["half of x first"], APPROXIMATE["products"]])
def test_a_gelu_is_computed_by_the_kernel(spelling: Spelling, bias: bool) -> None:
    x = np.random.default_rng(1).normal(size=(64, 16)).astype(np.float32)
    stages = quantized(dense(spelling, bias=bias), x)
    assert [op for op in stages.ops() if op not in {"Placeholder", "QuantizeV2"}] == ["_QuantizedMatMul"] * 2
    exact, frozen, int8 = stages.outputs()
    assert np.abs(int8 - frozen).max() <= 0.02 * np.abs(exact).max()  # a step or two of the 8-bit tensor between
    assert np.abs(int8 - exact).mean() <= 0.02 * np.abs(exact).max()


@pytest.mark.int8
def test_a_gelu_behind_a_reshape_moves_in_front_of_it() -> None:
    graph = dense(EXACT["half of x first"], dims=3)
    flat = transform(graph, "flatten_matmuls")
    assert chain_of(flat).ops == ("MatMul", "BiasAdd", "GeluExact")
    x = np.random.default_rng(1).normal(size=(5, 3, 16)).astype(np.float32)
    stages = quantized(flat, x)
    assert stages.ops().count("_QuantizedMatMul") == 2
    exact, frozen, int8 = stages.outputs()
    assert np.abs(int8 - frozen).max() <= 0.02 * np.abs(exact).max()
