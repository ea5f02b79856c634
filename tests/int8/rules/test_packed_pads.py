"""Zeros around rows and columns are padded four codes at a time, which gives the plain Pad's codes, bit for bit."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from examples import random
from graphs import Stages, build, quantized, run
from octavo.graph.graph import Graph
from octavo.int8.lowering import lower
from octavo.int8.rules import pads
from octavo.recipe import Target

Body = Callable[[Any, Any], Any]


def padded(pads: list[list[int]], channels: int = 8, *, relu: bool = True) -> Body:
    """A conv, a Pad, a pool of 3x3, and a conv that reads the result."""

    def net(tf: Any, x: Any) -> Any:
        y = tf.nn.conv2d(x, random(3, 3, 3, channels), 1, "SAME")
        y = tf.nn.max_pool2d(tf.pad(tf.nn.relu(y) if relu else y, [[0, 0], *pads]), 3, 2, "VALID")
        return tf.nn.conv2d(y, random(1, 1, channels + sum(pads[2]), 4, seed=1), 1, "VALID")

    return net


AROUND = [[1, 1], [1, 1], [0, 0]]


def as_a_summand(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 8), 1, "VALID"))
    return tf.nn.relu(tf.nn.conv2d(x, random(3, 3, 3, 8, seed=1), 1, "SAME") + tf.pad(y, [[0, 0], *AROUND]))


def rows_of_three_axes(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, random(7, 1, 3, 8), 1, "VALID"))
    y = tf.pad(tf.squeeze(y, [1]), [[0, 0], [2, 1], [0, 0]])
    return tf.matmul(tf.reshape(y, [-1, 80]), random(80, 4))


def stages(net: Body, shape: tuple[int | None, ...] = (None, 7, 7, 3), target: Target = "fused") -> Stages:
    x = np.random.default_rng(3).normal(size=(2, 7, 7, 3)).astype(np.float32)
    return quantized(build(net, shape), x, target=target)


def padded_types(graph: Graph) -> list[str]:
    return [node.dtype("T") for node in graph.nodes.values() if node.op == "Pad"]


@pytest.mark.int8
@pytest.mark.parametrize("target", ["fused", "public"])
@pytest.mark.parametrize(
    ("net", "plain"),
    [
        pytest.param(padded(AROUND), "quint8", id="around"),
        pytest.param(padded([[0, 2], [3, 0], [0, 0]]), "quint8", id="uneven"),
        pytest.param(padded(AROUND, relu=False), "qint8", id="signed"),
        pytest.param(as_a_summand, "quint8", id="summand"),
        pytest.param(rows_of_three_axes, "quint8", id="three_axes"),
    ],
)
def test_four_codes_at_a_time_give_the_codes_of_the_pad(
    net: Body, plain: str, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stages(net, target=target)
    monkeypatch.setattr(pads, "_packs", lambda *_: False)
    unpacked = lower(made.frozen, target=target).graph
    assert (padded_types(made.int8), padded_types(unpacked)) == (["int32"], [plain])
    for batch in (1, 2, 5):
        x = np.random.default_rng(batch).normal(size=(batch, 7, 7, 3)).astype(np.float32)
        np.testing.assert_array_equal(run(made.int8, x)[0], run(unpacked, x)[0])


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        pytest.param(padded(AROUND, 6), (None, 7, 7, 3), id="no_multiple_of_four"),
        pytest.param(padded([[1, 1], [1, 1], [1, 3]]), (None, 7, 7, 3), id="channels_too"),
        pytest.param(padded(AROUND), (None, None, 7, 3), id="height_unknown"),
    ],
)
def test_near_misses_stay_pads_of_codes(net: Body, shape: tuple[int | None, ...]) -> None:
    assert padded_types(stages(net, shape).int8) == ["quint8"]


def test_control_edges_of_the_pad_stay_before_it() -> None:
    made = stages(padded(AROUND))
    edged = [replace(n, inputs=(*n.inputs, "^x")) if n.op == "Pad" else n for n in made.frozen.nodes.values()]
    lowered = lower(made.frozen.with_nodes(edged)).graph
    assert [n.op for n in lowered.nodes.values() for t in n.inputs if t == "^x"] == ["Reshape"]
    np.testing.assert_array_equal(run(lowered, made.x)[0], run(made.int8, made.x)[0])
