"""Zeros around the channels become a 1x1 conv, which gives the same codes as the Pad, bit for bit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from examples import example, random
from graphs import Stages, build, quantized, run
from octavo.graph.graph import Graph
from octavo.int8.lowering import lower
from octavo.int8.rules import pads
from octavo.recipe import Target

Body = Callable[[Any, Any], Any]

CHANNELS = [[0, 0], [0, 0], [0, 0]]


def shortcut(pads: list[int], pick: Callable[[Any, Any], Any] | None = None) -> Body:
    """A tensor of 6 channels that is cut and padded, and a conv that reads the result."""

    def net(tf: Any, x: Any) -> Any:
        y = tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 6), 1, "SAME"))
        y = tf.pad(pick(tf, y) if pick else y, [*CHANNELS, pads])
        return tf.nn.conv2d(y, random(1, 1, 6 + sum(pads), 4, seed=1), 1, "VALID")

    return net


def every_second(op: str, padding: str) -> Callable[[Any, Any], Any]:
    return lambda tf, y: getattr(tf.nn, op)(y, 1, 2, padding)


def as_a_summand(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 6), 1, "SAME"))
    deep = tf.nn.conv2d(y, random(3, 3, 6, 9, seed=1), 2, "SAME")
    return tf.nn.relu(deep + tf.pad(tf.nn.max_pool2d(y, 1, 2, "SAME"), [*CHANNELS, [1, 2]]))


def stages(net: Body, shape: tuple[int | None, ...] = (None, 7, 7, 3), target: Target = "fused") -> Stages:
    x = np.random.default_rng(3).normal(size=(2, 7, 7, 3)).astype(np.float32)
    return quantized(build(net, shape), x, target=target)


def count(graph: Graph, *ops: str) -> int:
    return sum(node.op in ops for node in graph.nodes.values())


@pytest.mark.int8
@pytest.mark.parametrize("target", ["fused", "public"])
@pytest.mark.parametrize(
    "net",
    [
        pytest.param(shortcut([2, 1]), id="uneven"),
        pytest.param(shortcut([0, 6]), id="behind_only"),
        pytest.param(shortcut([3, 3], every_second("max_pool2d", "SAME")), id="max_pool_same"),
        pytest.param(shortcut([3, 3], every_second("max_pool2d", "VALID")), id="max_pool_valid"),
        pytest.param(shortcut([3, 3], every_second("avg_pool2d", "SAME")), id="avg_pool"),
        pytest.param(as_a_summand, id="summand"),
    ],
)
def test_the_conv_gives_the_codes_of_the_pad(net: Body, target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    made = stages(net, target=target)
    assert count(made.int8, "Pad", "MaxPool", "AvgPool", "QuantizedMaxPool", "QuantizedAvgPool") == 0
    monkeypatch.setattr(pads, "MOST_CHANNELS", 0)
    padded = lower(made.frozen, target=target).graph
    assert count(padded, "Pad") == 1
    np.testing.assert_array_equal(run(made.int8, made.x)[0], run(padded, made.x)[0])


PAIRS = """
    x = Placeholder() shape=<1,16,16,1>
    paddings = Const() value=int32<4,2>[0, 0, 0, 0, 0, 0, 1, 2]
    low = Const() value=float32<>[{low}]
    high = Const() value=float32<>[{high}]
    codes = QuantizeV2(x, low, high) T={dtype} mode="SCALED" narrow_range={narrow} ensure_minimum_range=0.0
    data = Dequantize(codes, codes:1, codes:2) T={dtype} mode="SCALED" narrow_range={narrow}
    pad = Pad(data, paddings) Tpaddings=int32
    padded = QuantizeV2(pad, low, high) T={dtype} mode="SCALED" narrow_range={narrow} ensure_minimum_range=0.0
    y = Dequantize(padded, padded:1, padded:2) T={dtype} mode="SCALED" narrow_range={narrow}
"""


@pytest.mark.int8
@pytest.mark.parametrize("target", ["fused", "public"])
@pytest.mark.parametrize("high", [255.0, 0.37, 3e4, 1e-4])
@pytest.mark.parametrize("dtype", ["quint8", "qint8"])
def test_every_code_stays_what_it_is(dtype: str, high: float, target: Target) -> None:
    signed = dtype == "qint8"
    text = PAIRS.format(dtype=dtype, low=-high if signed else 0, high=high, narrow=str(signed).lower())
    graph = example(text, inputs=("x",), outputs=("y",))
    lowered = lower(graph, target=target).graph
    assert count(lowered, "Pad") == 0
    codes = np.clip(np.arange(256) - 128, -127, 127) if signed else np.arange(256)
    x = (codes * (high / (127 if signed else 255))).astype(np.float32).reshape(1, 16, 16, 1)
    y = run(lowered, x)[0]
    np.testing.assert_allclose(y, run(graph, x)[0], rtol=1e-6)  # oneDNN's Dequantize is an ulp off
    assert len(np.unique(y[..., 1])) == (255 if signed else 256)
    assert not y[..., [0, 2, 3]].any()


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        pytest.param(shortcut([150, 150]), (None, 7, 7, 3), id="few_read_many_written"),
        pytest.param(shortcut([2, 1]), (None, None, None, 3), id="size_unknown"),
    ],
)
def test_what_counts_is_the_channels_that_the_conv_reads(net: Body, shape: tuple[int | None, ...]) -> None:
    assert count(stages(net, shape).int8, "Pad") == 0


def rows_too(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 6), 1, "SAME"))
    y = tf.pad(y, [[0, 0], [1, 0], [0, 0], [2, 2]])
    return tf.nn.conv2d(y, random(1, 1, 10, 4, seed=1), 1, "VALID")


def a_row_of_three_axes(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, random(7, 7, 3, 6), 1, "VALID"))
    y = tf.pad(tf.squeeze(y, [1]), [[0, 0], [0, 0], [2, 2]])
    return tf.matmul(tf.reshape(y, [-1, 10]), random(10, 4))


def too_many_channels(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, random(1, 1, 3, pads.MOST_CHANNELS + 1), 1, "SAME"))
    y = tf.pad(y, [*CHANNELS, [2, 2]])
    return tf.nn.conv2d(y, random(1, 1, pads.MOST_CHANNELS + 5, 4, seed=1), 1, "VALID")


@pytest.mark.parametrize("net", [rows_too, a_row_of_three_axes, too_many_channels])
def test_near_misses_stay_pads_of_codes(net: Body) -> None:
    made = stages(net)
    assert count(made.int8, "Pad") == 1
    assert count(made.int8, "Dequantize") <= 1


def wide_window(tf: Any, x: Any) -> Any:
    return shortcut([3, 3], lambda tf, y: tf.nn.max_pool2d(y, 2, 2, "SAME"))(tf, x)


def read_by_another(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 6), 1, "SAME"))
    y = tf.nn.max_pool2d(y, 1, 2, "SAME")
    wide = tf.nn.conv2d(tf.pad(y, [*CHANNELS, [1, 1]]), random(1, 1, 8, 4, seed=1), 1, "VALID")
    return tf.nn.relu(wide) + tf.nn.relu(tf.nn.conv2d(y, random(1, 1, 6, 4, seed=2), 1, "VALID"))


@pytest.mark.parametrize("net", [wide_window, read_by_another])
def test_a_pool_that_is_needed_stays_before_the_conv(net: Body, monkeypatch: pytest.MonkeyPatch) -> None:
    made = stages(net)
    assert (count(made.int8, "Pad"), count(made.int8, "QuantizedMaxPool")) == (0, 1)
    monkeypatch.setattr(pads, "MOST_CHANNELS", 0)
    np.testing.assert_array_equal(run(made.int8, made.x)[0], run(lower(made.frozen).graph, made.x)[0])


def test_control_edges_of_the_pad_and_of_the_pool_are_the_convs() -> None:
    made = stages(shortcut([3, 3], every_second("max_pool2d", "SAME")))
    edged = [
        replace(n, inputs=(*n.inputs, "^x")) if n.op in {"Pad", "MaxPool"} else n for n in made.frozen.nodes.values()
    ]
    lowered = lower(made.frozen.with_nodes(edged)).graph
    assert [n.op for n in lowered.nodes.values() for t in n.inputs if t == "^x"] == ["_FusedQuantizedConv2D"]
    np.testing.assert_array_equal(run(lowered, made.x)[0], run(made.int8, made.x)[0])
