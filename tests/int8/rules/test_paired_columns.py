"""A conv of an image that moves by two columns reads pairs of them, and gives the same codes, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from examples import random
from graphs import Stages, build, quantized, run
from octavo.graph.graph import Graph
from octavo.int8.lowering import lower
from octavo.int8.rules import conv
from octavo.recipe import Target

Body = Callable[[Any, Any], Any]
Padding = str | list[list[int]]


def image_conv(filters: tuple[int, ...], strides: tuple[int, int], padding: Padding, *, relu: bool = True) -> Body:
    def net(tf: Any, x: Any) -> Any:
        y = tf.raw_ops.Conv2D(
            input=x,
            filter=random(*filters),
            strides=[1, *strides, 1],
            padding=padding if isinstance(padding, str) else "EXPLICIT",
            explicit_paddings=[] if isinstance(padding, str) else np.ravel([[0, 0], *padding, [0, 0]]).tolist(),
        )
        y = tf.nn.bias_add(y, random(filters[-1], seed=1))
        return tf.nn.relu6(y) if relu else y

    return net


def behind_a_pad(tf: Any, x: Any) -> Any:
    y = tf.pad(x, [[0, 0], [3, 3], [3, 3], [0, 0]])
    return tf.nn.relu(tf.nn.conv2d(y, random(7, 7, 3, 8), 2, "VALID"))


def as_a_summand(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 8), 2, "SAME"))
    return tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 8, seed=1), 2, "SAME") + y)


def depthwise(tf: Any, x: Any) -> Any:
    return tf.nn.relu(tf.nn.depthwise_conv2d(x, random(3, 3, 3, 1), [1, 2, 2, 1], "SAME"))


def stages(net: Body, shape: tuple[int | None, ...], *, target: Target = "fused") -> Stages:
    size = (2, *(size or 12 for size in shape[1:]))
    x = np.random.default_rng(3).normal(size=size).astype(np.float32)
    return quantized(build(net, shape), x, target=target)


def pairs(graph: Graph) -> int:
    return sum(node.op == "Reshape" and node.name.endswith("_pairs") for node in graph.nodes.values())


def assert_the_same_without_pairs(made: Stages) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(conv, "may_pair", lambda *_: False)
        plain = lower(made.frozen).graph
    assert not pairs(plain)
    np.testing.assert_array_equal(run(made.int8, made.x)[0], run(plain, made.x)[0])


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    height=st.integers(7, 12),
    half=st.integers(4, 7),
    channels=st.integers(1, 3),
    taps=st.tuples(st.integers(1, 7), st.integers(2, 7)),
    step=st.integers(1, 3),
    padding=st.one_of(
        st.sampled_from(["SAME", "VALID"]),
        st.tuples(*[st.integers(0, 3)] * 4).map(lambda p: [[p[0], p[1]], [p[2], p[3]]]),
    ),
    relu=st.booleans(),
)
def test_codes_are_those_of_the_conv_itself_for_any_filter_and_padding(
    height: int, half: int, channels: int, taps: tuple[int, int], step: int, padding: Padding, relu: bool
) -> None:
    net = image_conv((*taps, channels, 8), (step, 2), padding, relu=relu)
    assert_the_same_without_pairs(stages(net, (None, height, 2 * half, channels)))


@pytest.mark.parametrize(
    ("net", "count"),
    [
        pytest.param(image_conv((3, 3, 3, 8), (2, 2), "SAME"), 1, id="same"),
        pytest.param(image_conv((3, 3, 3, 8), (1, 2), "VALID"), 1, id="valid"),
        pytest.param(image_conv((7, 7, 3, 8), (2, 2), [[3, 3], [3, 3]]), 1, id="odd_padding"),
        pytest.param(behind_a_pad, 1, id="behind_a_pad"),
        pytest.param(as_a_summand, 2, id="sum_of_two"),
    ],
)
def test_reads_pairs(net: Body, count: int) -> None:
    made = stages(net, (None, 12, 12, 3))
    assert pairs(made.int8) == count
    assert_the_same_without_pairs(made)


@pytest.mark.parametrize(
    ("net", "shape", "target"),
    [
        pytest.param(image_conv((3, 3, 3, 8), (2, 2), "SAME"), (None, 12, 11, 3), "fused", id="an_odd_width"),
        pytest.param(image_conv((3, 3, 3, 8), (2, 2), "SAME"), (None, 12, None, 3), "fused", id="any_width"),
        pytest.param(image_conv((3, 3, 3, 8), (2, 2), "SAME"), (None, None, 12, 3), "fused", id="any_height"),
        pytest.param(image_conv((3, 3, 4, 8), (2, 2), "SAME"), (None, 12, 12, 4), "fused", id="four_channels"),
        pytest.param(image_conv((3, 3, 3, 8), (2, 1), "SAME"), (None, 12, 12, 3), "fused", id="a_step_of_one_column"),
        pytest.param(image_conv((3, 3, 3, 8), (2, 3), "SAME"), (None, 12, 12, 3), "fused", id="a_step_of_three"),
        pytest.param(image_conv((3, 1, 3, 8), (2, 2), "SAME"), (None, 12, 12, 3), "fused", id="one_column_wide"),
        pytest.param(image_conv((3, 3, 3, 8), (2, 2), "SAME"), (None, 12, 12, 3), "public", id="intels_ops"),
        pytest.param(depthwise, (None, 12, 12, 3), "fused", id="depthwise"),
    ],
)
def test_reads_columns_one_by_one(net: Body, shape: tuple[int | None, ...], target: Target) -> None:
    made = stages(net, shape, target=target)
    assert not pairs(made.int8)
    assert not {"Conv2D", "DepthwiseConv2dNative"} & set(made.ops())
