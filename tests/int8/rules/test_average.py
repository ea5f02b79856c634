"""Means over whole images of codes: one kernel adds them up, in whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import random
from graphs import Stages, build, quantized
from octavo.errors import RecipeError
from octavo.graph import Graph, Node, const_node
from octavo.graph.attrs import DType, TensorShape
from octavo.int8.kernels import Operand
from octavo.int8.ops import Codes
from octavo.int8.rules.average import Average, average_floats
from octavo.int8.spans import Span
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Recipe, Target
from octavo.runtime.session import GraphSession

Body = Callable[[Any, Any], Any]
Mean = Callable[[Any, Any], Any]

SHAPE = (None, 6, 5, 3)
SUMS = "_FusedQuantizedDepthwiseConv2D"


def net(mean: Mean, *, relu: bool = True, taps: int = 3) -> Body:
    """A conv, and a mean of it that float ops read."""

    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.bias_add(tf.nn.conv2d(x, random(taps, taps, 3, 8), 1, "SAME", name="conv"), random(8, seed=1))
        return tf.nn.softmax(mean(tf, tf.nn.relu(y) if relu else y))

    return body


def before_a_dense_layer(mean: Mean) -> Body:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 8), 1, "SAME"))
        return tf.nn.bias_add(tf.matmul(mean(tf, y), random(8, 4, seed=2)), random(4, seed=3))

    return body


def flat(tf: Any, y: Any) -> Any:
    return tf.reduce_mean(y, [1, 2], name="mean")


def axes_the_other_way(tf: Any, y: Any) -> Any:
    return tf.reduce_mean(y, [-2, 1], keepdims=True, name="mean")


def pool(tf: Any, y: Any) -> Any:
    return tf.nn.avg_pool2d(y, [6, 5], 1, "VALID", name="mean")


def pool_of_a_window(tf: Any, y: Any) -> Any:
    return tf.nn.avg_pool2d(y, [5, 5], 1, "VALID", name="mean")


def mean_of_a_concat(tf: Any, y: Any) -> Any:
    other = tf.nn.relu(tf.nn.conv2d(y, random(1, 1, 8, 8, seed=4), 1, "SAME"))
    return tf.reduce_mean(tf.concat([y, other], 3), [1, 2], name="mean")


def also_read_whole(tf: Any, y: Any) -> Any:
    """Squeeze and excite: what is averaged is read by float ops, too."""
    return y * tf.sigmoid(tf.reduce_mean(y, [1, 2], keepdims=True, name="mean"))


def stages(body: Body, shape: Any = SHAPE, recipe: Recipe | None = None, target: Target = "fused") -> Stages:
    x = np.random.default_rng(5).normal(size=(3, 6, 5, 3)).astype(np.float32)
    return quantized(build(body, shape), x, recipe=recipe, target=target)


@pytest.mark.int8
@pytest.mark.parametrize("target", ["fused", "public"])
@pytest.mark.parametrize("taps", [1, 3], ids=["pointwise", "three_taps"])
@pytest.mark.parametrize("mean", [flat, axes_the_other_way, pool, mean_of_a_concat])
def test_a_mean_that_float_ops_read_is_summed_in_32_bits(mean: Mean, taps: int, target: Target) -> None:
    made = stages(net(mean, taps=taps), target=target)
    assert not {"Mean", "AvgPool", "_QuantizedMatMul"} & set(made.ops())
    assert made.ops().count(SUMS) == 1
    exact, frozen, int8 = made.outputs()
    assert int8.shape == exact.shape
    assert np.abs(int8 - frozen).max() < 1e-6  # of numbers below 1: nothing is rounded between codes and float
    assert np.abs(int8 - exact).max() < 0.01


@pytest.mark.int8
@pytest.mark.parametrize("target", ["fused", "public"])
def test_a_mean_that_a_kernel_reads_becomes_codes_of_its_own_range(target: Target) -> None:
    made = stages(before_a_dense_layer(flat), target=target)
    assert not {"Mean", "Dequantize"} & set(made.ops())
    exact, frozen, int8 = made.outputs()
    assert np.abs(int8 - frozen).max() < 0.01 * np.abs(exact).max()  # a code of the mean may fall one step aside
    assert np.abs(int8 - exact).max() < 0.03 * np.abs(exact).max()


@pytest.mark.int8
def test_other_readers_of_what_is_averaged_find_it_as_before() -> None:
    made = stages(net(also_read_whole))
    assert made.ops().count(SUMS) == 1
    exact, frozen, int8 = made.outputs()
    assert np.abs(int8 - frozen).max() < 1e-6
    assert np.abs(int8 - exact).max() < 0.03


@pytest.mark.parametrize(
    ("body", "shape"),
    [
        pytest.param(net(flat, relu=False), SHAPE, id="numbers_below_zero"),
        pytest.param(net(pool_of_a_window), SHAPE, id="a_window_of_the_image"),
        pytest.param(net(flat), (None, None, 5, 3), id="height_unknown"),
        pytest.param(net(lambda tf, y: tf.reduce_mean(y, [1])), SHAPE, id="rows_alone"),
        pytest.param(net(lambda tf, y: tf.reduce_mean(y, [1, 2, 3], keepdims=True)[:, 0]), SHAPE, id="channels_too"),
        pytest.param(net(lambda tf, y: tf.reduce_mean(tf.tanh(y), [1, 2])), SHAPE, id="of_floats"),
        pytest.param(net(lambda tf, y: tf.reduce_max(y, [1, 2])), SHAPE, id="the_largest"),
    ],
)
def test_near_misses_stay_float(body: Body, shape: Any) -> None:
    made = stages(body, shape)
    assert SUMS not in made.ops()
    exact, _, int8 = made.outputs()
    assert np.abs(int8 - exact).max() < 0.03


@pytest.mark.parametrize(
    ("mean", "recipe"),
    [
        (flat, Recipe(excluded_nodes=("mean",))),
        (flat, Recipe(excluded_ops=("Mean",))),
        (pool, Recipe(excluded_ops=("AvgPool",))),
    ],
)
def test_a_mean_that_the_recipe_excludes_stays_float(mean: Mean, recipe: Recipe) -> None:
    made = stages(net(mean), recipe=recipe)
    assert SUMS not in made.ops()
    told = next(decision for decision in quantize(made.graph, recipe)[1] if decision.name == "mean")
    assert (told.verdict, told.kind) == ("FP32", "excluded")
    assert told.reason is not None
    assert told.reason.startswith("recipe: excluded")


def test_a_rule_for_means_in_a_graph_without_one_matches_nothing() -> None:
    with pytest.raises(RecipeError, match="'Mean' matches none"):
        stages(net(lambda tf, y: tf.reduce_max(y, [1, 2])), recipe=Recipe(excluded_ops=("Mean",)))


@pytest.mark.parametrize("mean", [flat, pool])
def test_the_verdict_is_told(mean: Mean) -> None:
    _, decisions = quantize(build(net(mean), SHAPE), Recipe())
    told = next(decision for decision in decisions if decision.name == "mean")
    assert (told.verdict, told.rule) == ("INT8", told.op)


@pytest.mark.int8
@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    height=st.integers(1, 32),
    width=st.integers(1, 32),
    channels=st.integers(1, 40),
    signed=st.booleans(),
    extreme=st.booleans(),
    seed=st.integers(0, 99),
)
def test_sums_are_exact(height: int, width: int, channels: int, signed: bool, extreme: bool, seed: int) -> None:
    """Against 64-bit integers, to 1e-4 of the largest mean that codes can have: the Dequantize works in float32."""
    rng = np.random.default_rng(seed)
    least, most = (-127, 127) if signed else (0, 255)
    shape = (2, height, width, channels)
    codes = np.full(shape, most) if extreme else rng.integers(least, most + 1, shape)

    found = averaged(codes.astype(np.int8 if signed else np.uint8), signed=signed, high=3.0)

    exact = codes.astype(np.int64).sum(axis=(1, 2)) / (height * width) * 3.0 / most
    assert found.shape == (2, channels)
    assert np.abs(found - exact).max() <= 1e-4 * 3.0


def averaged(codes: np.ndarray, *, signed: bool, high: float) -> np.ndarray:
    """The mean of codes whose largest stands for `high`, by the kernel alone."""
    plain, kind = ("int8", "qint8") if signed else ("uint8", "quint8")
    low = -high if signed else 0.0
    _, height, width, channels = codes.shape
    data = Operand(Codes("codes", "low", "high", kind), Span(kind, low, high))
    nodes = [
        Node("fed", "Placeholder", (), {"dtype": DType(plain), "shape": TensorShape((None, *codes.shape[1:]))}),
        Node("codes", "Bitcast", ("fed",), {"T": DType(plain), "type": DType(kind)}),
        const_node("low", np.float32(low)),
        const_node("high", np.float32(high)),
        *average_floats("mean", Average(height, width, channels, flat=True), data),
    ]
    with GraphSession(Graph({}).with_nodes(nodes), ("mean",)) as session:
        return session.run({"fed": codes})[0]
