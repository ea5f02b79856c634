"""What the planner takes in, what it leaves, and the reasons it gives."""

from typing import Any

import numpy as np
import pytest

from graphs import build
from octavo.errors import GraphError, RecipeError
from octavo.graph import Graph
from octavo.quantize_graph.decisions import Decision
from octavo.quantize_graph.plan import Plan, make_plan
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Recipe


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def plan_of(body: Any, recipe: Recipe | None = None, shape: tuple[int | None, ...] = (None, 8, 8, 4)) -> Plan:
    return make_plan(build(body, shape), recipe or Recipe())


def decision(plan: Plan, name: str) -> Decision:
    return next(d for d in plan.decisions if d.name == name)


def small_net(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(x, ones(3, 3, 4, 4), 1, "SAME", name="first"))
    y = tf.nn.max_pool2d(y, 2, 2, "SAME", name="pool")
    return tf.nn.relu(tf.nn.conv2d(y, ones(1, 1, 4, 4), 1, "SAME", name="second"))


def test_names_what_each_kernel_takes_in() -> None:
    plan = plan_of(small_net)
    assert [(d.name, d.verdict, d.rule) for d in plan.decisions] == [
        ("first", "INT8", "Conv2D + Relu"),
        ("pool", "INT8", "MaxPool"),
        ("second", "INT8", "Conv2D + Relu"),
    ]


def test_weights_that_are_computed_stay_float_with_the_reason() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.nn.conv2d(x, tf.reshape(tf.reduce_sum(x), [1, 1, 1, 1]) * ones(1, 1, 4, 4), 1, "SAME", name="conv")

    assert decision(plan_of(body), "conv").reason == "its weights are not a Const"


def test_a_grouped_convolution_stays_float_with_the_reason() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.nn.conv2d(x, ones(3, 3, 2, 4), 1, "SAME", name="grouped")

    assert "4 channels in, filters of 2" in str(decision(plan_of(body), "grouped").reason)


def test_nchw_and_channel_multipliers_stay_float_with_the_reason() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.conv2d(x, ones(1, 1, 8, 4), 1, "SAME", data_format="NCHW", name="nchw")
        return tf.nn.depthwise_conv2d(y, ones(3, 3, 4, 2), [1, 1, 1, 1], "SAME", name="wide")

    plan = plan_of(body, shape=(None, 8, 8, 4))
    assert "NCHW" in str(decision(plan, "nchw").reason)
    assert "multiplier is 2" in str(decision(plan, "wide").reason)


@pytest.mark.parametrize(
    ("recipe", "left"),
    [
        (Recipe(excluded_nodes=("fir.*",)), "first"),
        (Recipe(excluded_nodes=("second",)), "second"),
        (Recipe(signed_inputs=False), "first"),
    ],
    ids=["pattern", "name", "signed_input"],
)
def test_what_the_recipe_excludes_stays_float(recipe: Recipe, left: str) -> None:
    plan = plan_of(small_net, recipe)
    assert [d.name for d in plan.decisions if d.verdict == "FP32" and d.op == "Conv2D"] == [left]


def test_excluding_every_conv_leaves_nothing_and_says_so() -> None:
    with pytest.raises(GraphError, match=r"nothing can be quantized: .* excluded_ops has 'Conv2D'"):
        quantize(build(small_net, (None, 8, 8, 4)), Recipe(excluded_ops=("Conv2D",)))


@pytest.mark.parametrize("rules", [{"excluded_nodes": ("secnd",)}, {"excluded_ops": ("Conv3D",)}])
def test_a_rule_that_matches_nothing_is_an_error_with_near_names(rules: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(RecipeError, match=r"matches none of .*near: (second|Conv2D)"):
        plan_of(small_net, Recipe(**rules))  # type: ignore[arg-type]


def test_of_two_convs_at_one_add_the_later_takes_the_add() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.relu(tf.nn.conv2d(x, ones(1, 1, 4, 4), 1, "SAME"))
        a = tf.nn.conv2d(y, ones(1, 1, 4, 4), 1, "SAME", name="shortcut")
        b = tf.nn.relu(tf.nn.conv2d(y, ones(3, 3, 4, 4), 1, "SAME"))
        b = tf.nn.conv2d(b, ones(3, 3, 4, 4), 1, "SAME", name="branch")
        return tf.nn.relu(b + a)

    plan = plan_of(body)
    assert decision(plan, "branch").rule == "Conv2D + AddV2 + Relu"
    assert decision(plan, "shortcut").rule == "Conv2D"
    assert plan.encodings["shortcut"].mode == "MIN_FIRST"


def test_a_signed_sum_before_a_padded_conv_is_left_in_float() -> None:
    """A shifted tensor cannot be padded with zeros, and the kernels add to unsigned summands only."""

    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.conv2d(x, ones(1, 1, 4, 4), 1, "SAME", name="one")
        z = tf.nn.conv2d(tf.nn.relu(y), ones(1, 1, 4, 4), 1, "SAME", name="two") + y
        return tf.nn.conv2d(z, ones(3, 3, 4, 4), 1, "SAME", name="padded")

    plan = plan_of(body)
    assert decision(plan, "two").rule == "Conv2D"
    assert {d.verdict for d in plan.decisions} == {"INT8"}


def test_a_concat_of_signed_and_unsigned_parts_stays_float_with_the_reason() -> None:
    def body(tf: Any, x: Any) -> Any:
        a = tf.nn.relu(tf.nn.conv2d(x, ones(1, 1, 4, 4), 1, "SAME"))
        b = tf.nn.conv2d(x, ones(1, 1, 4, 4), 1, "SAME")
        return tf.nn.conv2d(tf.concat([a, b], 3, name="join"), ones(3, 3, 8, 4), 1, "SAME")

    assert "partly signed" in str(decision(plan_of(body), "join").reason)


@pytest.mark.parametrize("functional", [True, False], ids=["function", "frame"])
def test_a_conv_in_the_body_of_a_loop_stays_float_with_the_reason(
    functional: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorFlow writes a loop as a While with a function for its body, or as nodes in a frame of the main graph."""
    from tensorflow.python.ops import control_flow_util

    monkeypatch.setattr(control_flow_util, "ENABLE_CONTROL_FLOW_V2", functional)

    def body(tf: Any, x: Any) -> Any:
        def step(i: Any, y: Any) -> Any:
            return i + 1, tf.nn.conv2d(y, ones(1, 1, 4, 4), 1, "SAME", name="inner")

        y = tf.nn.relu(tf.nn.conv2d(x, ones(1, 1, 4, 4), 1, "SAME", name="outer"))
        return tf.while_loop(lambda i, _: i < 2, step, [tf.constant(0), y])[1]

    plan = plan_of(body)
    inner = next(d for d in plan.decisions if "inner" in d.name)
    assert inner.verdict == "FP32"
    assert ("inside the function" if functional else "body of a loop") in str(inner.reason)
    assert decision(plan, "outer").verdict == "INT8"


def test_needs_output_names() -> None:
    graph = build(small_net, (None, 8, 8, 4))
    with pytest.raises(GraphError, match="needs the output names"):
        quantize(Graph(graph.nodes), Recipe())
