"""A pointwise conv that only float ops read becomes a MatMul of pixels, whose INT8 kernel writes float32."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from examples import random
from graphs import build, freeze, run
from octavo.documents.decisions import Decision
from octavo.graph import Graph
from octavo.int8.lowering import lower
from octavo.quantize_graph.float_ends import NOTE
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Override, Recipe

Body = Callable[[Any, Any], Any]

SHAPE = (None, 6, 6, 3)


def body(tf: Any, x: Any) -> Any:
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, random(3, 3, 3, 8), 1, "SAME", name="body"), random(8, seed=1)))


def head(size: int = 1, stride: int = 1, padding: Any = "VALID", add: str = "bias", end: str = "largest") -> Body:
    """A conv named "head" behind the body, what is added to it, and a float op at the end."""

    def net(tf: Any, x: Any) -> Any:
        y = tf.nn.conv2d(body(tf, x), random(size, size, 8, 5, seed=2), stride, padding, name="head")
        if add == "bias":
            y = tf.nn.relu(tf.nn.bias_add(y, random(5, seed=3), name="biased"))
        elif add == "constant":
            y = tf.nn.relu6(tf.add(tf.constant(random(1, 1, 1, 5, seed=3)), y, name="biased"))
        ends = {"largest": lambda y: tf.reduce_max(y, [1, 2]), "none": tf.identity, "softmax": tf.nn.softmax}
        return ends[end](y)

    return net


def image() -> np.ndarray:
    return np.random.default_rng(5).normal(size=(3, 6, 6, 3)).astype(np.float32)


def stages(net: Body, recipe: Recipe | None = None, shape: Any = SHAPE) -> tuple[Graph, Graph, list[Decision]]:
    """The float graph, the INT8 graph and the decisions."""
    graph = build(net, shape)
    dynamic, decisions = quantize(graph, recipe or Recipe())
    return graph, lower(freeze(dynamic, image())).graph, decisions


def of(decisions: list[Decision], name: str) -> Decision:
    return next(d for d in decisions if d.name == name)


@pytest.mark.int8
@pytest.mark.parametrize("add", ["bias", "constant"])
@pytest.mark.parametrize("end", ["largest", "softmax", "none"])
@pytest.mark.parametrize("padding", ["VALID", "SAME"])
def test_the_matmul_kernel_writes_the_floats(add: str, end: str, padding: str) -> None:
    graph, int8, decisions = stages(head(add=add, end=end, padding=padding))
    kinds = [n.op for n in int8.nodes.values()]
    assert "Dequantize" not in kinds
    assert kinds.count("_QuantizedMatMul") == 1
    assert kinds.count("_FusedQuantizedConv2D") == 1
    decision = of(decisions, "head")
    assert (decision.op, decision.verdict, decision.note) == ("MatMul", "INT8", NOTE)
    (old,), (new,) = run(graph, image()), run(int8, image())
    assert new.shape == old.shape
    assert np.abs(new - old).max() < 0.03 * np.abs(old).max()  # eight bits of what the two layers read and weigh


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        pytest.param(head(size=3), SHAPE, id="three_taps"),
        pytest.param(head(stride=2), SHAPE, id="strides"),
        pytest.param(head(padding=[[0, 0], [1, 1], [1, 1], [0, 0]]), SHAPE, id="explicit_padding"),
        pytest.param(head(add="nothing"), SHAPE, id="neither_bias_nor_activation"),
        pytest.param(head(), (None, None, 6, 3), id="height_unknown"),
    ],
)
def test_near_misses_stay_convs(net: Body, shape: Any) -> None:
    _, int8, decisions = stages(net, shape=shape)
    assert of(decisions, "head").op == "Conv2D"
    assert [n.op for n in int8.nodes.values()].count("Dequantize") == 1


def test_a_conv_that_another_kernel_reads_stays() -> None:
    def net(tf: Any, x: Any) -> Any:
        y = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, random(1, 1, 3, 8), 1, "SAME", name="inner"), random(8)))
        return tf.reduce_mean(tf.nn.conv2d(y, random(3, 3, 8, 4), 1, "SAME", name="last"), [1, 2])

    _, int8, decisions = stages(net)
    assert of(decisions, "inner").op == "Conv2D"
    assert "_QuantizedMatMul" not in {n.op for n in int8.nodes.values()}


def test_a_conv_whose_codes_are_averaged_stays() -> None:
    def net(tf: Any, x: Any) -> Any:
        y = tf.nn.conv2d(body(tf, x), random(1, 1, 8, 5, seed=2), 1, "SAME", name="head")
        return tf.reduce_mean(tf.nn.relu(tf.nn.bias_add(y, random(5, seed=3))), [1, 2])

    _, int8, decisions = stages(net)
    assert of(decisions, "head").op == "Conv2D"
    assert "_QuantizedMatMul" not in {n.op for n in int8.nodes.values()}


def test_a_conv_with_a_summand_stays() -> None:
    def net(tf: Any, x: Any) -> Any:
        y = body(tf, x)
        return tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(y, random(1, 1, 8, 8), 1, "SAME", name="last") + y), [1, 2])

    _, _, decisions = stages(net)
    assert of(decisions, "last").op == "Conv2D"


def test_where_matmuls_are_excluded_convs_stay_convs() -> None:
    def net(tf: Any, x: Any) -> Any:
        return tf.matmul(head()(tf, x), random(5, 2), name="dense")

    _, _, decisions = stages(net, Recipe(excluded_ops=("MatMul",)))
    assert of(decisions, "head").op == "Conv2D"
    assert of(decisions, "dense").verdict == "FP32"


def test_a_rule_about_the_conv_still_holds() -> None:
    _, int8, decisions = stages(head(), Recipe(overrides=(Override(nodes="head", per_channel=False),)))
    assert of(decisions, "head").op == "MatMul"
    kernel = next(n for n in int8.nodes.values() if n.op == "_QuantizedMatMul")
    assert int8.nodes[kernel.inputs[5]].tensor("value").sizes == ()  # one scale for all channels
    _, _, decisions = stages(head(), Recipe(excluded_nodes=("head",)))
    assert (of(decisions, "head").op, of(decisions, "head").verdict) == ("Conv2D", "FP32")
