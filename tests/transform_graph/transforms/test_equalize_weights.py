"""Equalized graphs: the same numbers to the bit, and weights that spread alike."""

import logging
from typing import Any

import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph, const_value
from octavo.transform_graph.transforms.equalize_weights import equalize_weights

PAIR = """
    x = Placeholder() shape=<?,5,5,3>
    c = Conv2D(x, w1)
    b = BiasAdd(c, b1)
    r = {between}(b)
    y = Conv2D(r, w2)
"""

SPREAD = np.float32(2) ** np.array([-9, -3, 0, 2, 7], np.float32)
"""Very different scales for five channels."""


def consts() -> dict[str, Any]:
    return {
        "w1": random(3, 3, 3, 5) * SPREAD,
        "b1": random(5, seed=1) * SPREAD,
        "w2": random(1, 1, 5, 4, seed=2) / SPREAD.reshape(5, 1),
    }


def pair(between: str = "Relu", text: str = PAIR, **other: Any) -> Graph:
    return example(text.format(between=between), inputs=("x",), outputs=("y",), consts={**consts(), **other})


def sizes(graph: Graph, name: str, axis: int) -> np.ndarray:
    """The largest magnitude of each channel."""
    weights = np.abs(const_value(graph.nodes[name]))
    return np.asarray(weights.max(axis=tuple(a for a in range(weights.ndim) if a != axis)))


def same_numbers(before: Graph, after: Graph) -> bool:
    feeds = {"x": random(2, 5, 5, 3, seed=5)}
    return all(np.array_equal(a, b) for a, b in zip(values(before, feeds), values(after, feeds), strict=True))


@pytest.mark.parametrize("between", ["Relu", "LeakyRelu", "Identity"])
def test_both_layers_spread_alike_and_compute_the_same(between: str) -> None:
    text = PAIR if between != "Identity" else PAIR.replace("    r = {between}(b)\n", "").replace("(r, w2)", "(b, w2)")
    before = pair(between, text)
    after = equalize_weights(before).graph
    assert same_numbers(before, after)
    ratio = sizes(after, "w1", 3) / sizes(after, "w2", 2)
    assert np.all((ratio >= 0.5) & (ratio <= 2))  # s is a power of two
    assert not np.array_equal(sizes(before, "w1", 3), sizes(after, "w1", 3))


def test_a_chain_through_a_depthwise_conv_settles() -> None:
    text = """
        x = Placeholder() shape=<?,5,5,3>
        c = Conv2D(x, w1)
        r = Relu(c)
        d = DepthwiseConv2dNative(r, w)
        a = AddV2(d, b1)
        s = Relu(a)
        y = Conv2D(s, w2)
    """
    before = pair(text=text, w=random(3, 3, 5, 1, seed=7) * SPREAD.reshape(5, 1) ** 2)
    after = equalize_weights(before).graph
    assert same_numbers(before, after)
    for (first, out), (second, into) in ((("w1", 3), ("w", 2)), (("w", 2), ("w2", 2))):
        ratio = sizes(after, first, out) / sizes(after, second, into)
        assert np.all((ratio >= 0.5) & (ratio <= 2))
    assert equalize_weights(after).graph == after


def test_two_readers_are_scaled_by_the_larger_of_both() -> None:
    text = PAIR + "    z = Conv2D(r, w3)\n"
    graph = pair(text=text, w3=random(1, 1, 5, 2, seed=3))
    before = graph.with_ends(graph.inputs, ("y", "z"))
    after = equalize_weights(before).graph
    assert same_numbers(before, after)
    ratio = sizes(after, "w1", 3) / np.maximum(sizes(after, "w2", 2), sizes(after, "w3", 2))
    assert np.all((ratio >= 0.5) & (ratio <= 2))


def test_matmuls_are_equalized_transposed_or_not() -> None:
    text = """
        x = Placeholder() shape=<?,3>
        c = MatMul(x, w1) transpose_b=true
        r = Relu(c)
        y = MatMul(r, w2)
    """
    given = {"w1": random(5, 3) * SPREAD.reshape(5, 1), "w2": random(5, 4, seed=2)}
    before = example(text, inputs=("x",), outputs=("y",), consts=given)
    after = equalize_weights(before).graph
    feeds = {"x": random(2, 3, seed=5)}
    assert np.array_equal(values(before, feeds)[0], values(after, feeds)[0])
    ratio = sizes(after, "w1", 0) / sizes(after, "w2", 0)
    assert np.all((ratio >= 0.5) & (ratio <= 2))


def test_a_channel_without_weights_is_left() -> None:
    w1 = consts()["w1"]
    w1[..., 1] = 0
    before = pair(w1=w1)
    after = equalize_weights(before).graph
    assert same_numbers(before, after)
    assert const_value(after.nodes["b1"])[1] == const_value(before.nodes["b1"])[1]


def test_a_bias_for_all_channels_becomes_one_for_each() -> None:
    text = PAIR.replace("BiasAdd", "AddV2")
    before = pair(text=text, b1=np.float32(3))
    after = equalize_weights(before).graph
    assert same_numbers(before, after)
    assert const_value(after.nodes["b1"]).shape == (5,)


def test_a_relu6_is_left_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    before = pair("Relu6")
    with caplog.at_level(logging.WARNING):
        assert equalize_weights(before).graph == before
    assert "left 1 of 1 pairs of layers as they are; the first, behind 'c': Relu6 'r' does not scale" in caplog.text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param(PAIR + "    z = Conv2D(x, w1)\n", "weights of 'c' are read by others", id="weights"),
        pytest.param(PAIR + "    z = Neg(b1)\n", "bias of 'b' is read by others", id="bias"),
        pytest.param(PAIR + "    z = Neg(w2)\n", "weights of 'y' are read by others", id="the second layer's weights"),
    ],
)
def test_what_others_read_is_left_with_a_warning(text: str, reason: str, caplog: pytest.LogCaptureFixture) -> None:
    graph = pair(text=text)
    before = graph.with_ends(graph.inputs, ("y", "z"))
    with caplog.at_level(logging.WARNING):
        assert equalize_weights(before).graph == before
    assert reason in caplog.text


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        pytest.param(PAIR, ("y", "r"), id="a graph output between"),
        pytest.param(PAIR + "    z = Neg(r)\n", ("y", "z"), id="another reader between"),
        pytest.param(PAIR.replace("Conv2D(r, w2)", "Conv2D(x, r)"), ("y",), id="read as weights"),
        pytest.param(PAIR.replace("Conv2D(r, w2)", "MaxPool(r) ksize=[1,1,1,1]"), ("y",), id="a pool behind"),
    ],
)
def test_layers_that_do_not_follow_each_other_are_left(
    text: str, outputs: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    graph = pair(text=text)
    before = graph.with_ends(graph.inputs, outputs)
    with caplog.at_level(logging.WARNING):
        assert equalize_weights(before).graph == before
    assert not caplog.text
