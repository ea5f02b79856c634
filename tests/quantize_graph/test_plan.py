"""What the planner takes in, what it leaves, and the reasons it gives."""

from typing import Any

import numpy as np
import pytest

from graphs import build
from octavo.documents.decisions import Decision
from octavo.errors import GraphError, RecipeError
from octavo.graph import Graph, const_value
from octavo.quantize_graph.plan import Plan, make_plan
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Override, Recipe


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

    conv = decision(plan_of(body), "conv")
    assert (conv.kind, conv.reason, conv.at) == ("no kernel", "its weights are not a Const", "conv")
    assert conv.way_out == "freeze the variables, and fold constants before quantizing"


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


@pytest.mark.parametrize(
    "rules",
    [
        {"excluded_nodes": ["secnd"]},
        {"excluded_ops": ["Conv3D"]},
        {"overrides": [{"nodes": "secnd", "precision": "fp32"}]},
        {"overrides": [{"nodes": "secnd", "per_channel": False}]},
    ],
    ids=["node", "op", "override", "override_of_weights"],
)
def test_a_rule_that_matches_nothing_is_an_error_with_near_names(rules: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match=r"matches none of .*near: (second|Conv2D)"):
        plan_of(small_net, Recipe.model_validate(rules))


def test_an_override_of_weights_that_matches_a_pool_alone_is_an_error() -> None:
    with pytest.raises(RecipeError, match=r"overrides\[0\]: 'pool' matches none of the 2 convs and matmuls"):
        plan_of(small_net, Recipe(overrides=(Override(nodes="pool", per_channel=False),)))


def fp32_reasons(plan: Plan) -> dict[str, str | None]:
    return {d.name: d.reason for d in plan.decisions if d.verdict == "FP32" and d.op == "Conv2D"}


def test_of_two_overrides_the_last_wins() -> None:
    overrides = (Override(nodes=".*", precision="fp32"), Override(nodes="first", precision="int8"))
    plan = plan_of(small_net, Recipe(overrides=overrides))
    assert fp32_reasons(plan) == {"second": "recipe: overrides[0] (nodes: '.*') has precision: fp32"}
    with pytest.raises(GraphError, match="nothing can be quantized"):
        quantize(build(small_net, (None, 8, 8, 4)), Recipe(overrides=overrides[::-1]))


def test_an_override_that_says_another_field_leaves_the_others_alone() -> None:
    overrides = (Override(nodes="first", precision="fp32"), Override(nodes="first", per_channel=False))
    assert list(fp32_reasons(plan_of(small_net, Recipe(overrides=overrides)))) == ["first"]


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(excluded_ops=("Conv2D",)),
        Recipe(excluded_nodes=(".*",)),
        Recipe(first_layer="fp32", last_layer="fp32"),
    ],
    ids=["excluded_ops", "excluded_nodes", "first_and_last_layer"],
)
def test_an_override_wins_over_what_is_excluded(recipe: Recipe) -> None:
    plan = plan_of(small_net, recipe.model_copy(update={"overrides": (Override(nodes="second", precision="int8"),)}))
    assert list(fp32_reasons(plan)) == ["first"]


def test_overrides_set_scales_and_signs_node_by_node() -> None:
    overrides = (Override(nodes="second", per_channel=False), Override(nodes="first", signed_inputs=False))
    plan = plan_of(small_net, Recipe(overrides=overrides))
    assert "signed_inputs: false" in str(fp32_reasons(plan)["first"])
    assert decision(plan, "first").kind == "excluded"
    assert str(decision(plan, "first").way_out).startswith("set signed_inputs: true in the recipe")
    assert plan.per_channel == frozenset()
    assert plan_of(small_net).per_channel == {"first", "second"}


def test_a_filter_read_by_two_convs_is_stored_for_each_kind_of_scale() -> None:
    def body(tf: Any, x: Any) -> Any:
        kernel = tf.constant(ones(1, 1, 4, 4), name="w")
        y = tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME", name="one"))
        return tf.nn.relu(tf.nn.conv2d(y, kernel, 1, "SAME", name="two"))

    dynamic, _ = quantize(build(body, (None, 8, 8, 4)), Recipe(overrides=(Override(nodes="two", per_channel=False),)))
    shapes = {n.name: const_value(n).shape for n in dynamic.nodes.values() if n.name in {"w_max", "w_whole_max"}}
    assert shapes == {"w_max": (4,), "w_whole_max": ()}


@pytest.mark.parametrize(("end", "left"), [("first_layer", "first"), ("last_layer", "second")])
def test_the_first_and_the_last_layer_stay_float_on_request(end: str, left: str) -> None:
    plan = plan_of(small_net, Recipe.model_validate({end: "fp32"}))
    assert fp32_reasons(plan) == {left: f"recipe: {end} is fp32"}


def branches(tf: Any, x: Any) -> Any:
    a = tf.nn.relu(tf.nn.conv2d(x, ones(1, 1, 4, 4), 1, "SAME", name="a"))
    b = tf.nn.relu(tf.nn.conv2d(tf.concat([x, a], 3), ones(1, 1, 8, 4), 1, "SAME", name="b"))
    c = tf.nn.relu(tf.nn.conv2d(b, ones(1, 1, 4, 4), 1, "SAME", name="c"))
    d = tf.nn.relu(tf.nn.conv2d(b, ones(1, 1, 4, 4), 1, "SAME", name="d"))
    return tf.nn.relu(tf.nn.conv2d(c, ones(1, 1, 4, 4), 1, "SAME", name="e")) + d


def test_of_branches_every_one_has_its_first_and_last_layer() -> None:
    assert list(fp32_reasons(plan_of(branches, Recipe(first_layer="fp32")))) == ["a", "b"]
    assert sorted(fp32_reasons(plan_of(branches, Recipe(last_layer="fp32")))) == ["d", "e"]


def test_a_matmul_is_told_that_it_keeps_its_float_bias() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.relu(tf.nn.conv2d(x, ones(1, 1, 4, 4), 1, "SAME", name="conv"))
        return tf.matmul(tf.reshape(y, [-1, 256]), ones(256, 4), name="dense")

    plan = plan_of(body, Recipe(bias="qint32"))
    assert "stays float32" in str(decision(plan, "dense").note)
    assert decision(plan, "conv").note is None
    assert decision(plan_of(body), "dense").note is None


def test_what_was_left_in_float_behind_a_kernel_is_told() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.relu(tf.nn.conv2d(x, ones(1, 1, 4, 4), 1, "SAME", name="whole"))
        y = tf.sigmoid(tf.nn.conv2d(y, ones(1, 1, 4, 4), 1, "SAME", name="activated"), name="sigmoid")
        return tf.nn.conv2d(y, ones(1, 1, 4, 4), 1, "SAME", name="last")

    plan = plan_of(body)
    assert decision(plan, "activated").stopped == "Sigmoid 'sigmoid' follows"
    assert decision(plan, "whole").stopped is None
    assert decision(plan, "last").stopped is None
    assert decision(plan, "activated").line().endswith("left in float: Sigmoid 'sigmoid' follows")


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
    assert str(decision(plan, "two").stopped).endswith("the kernels add unsigned summands only, and only before a Relu")
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
    assert ("inside the function" in str(inner.reason)) == functional
    assert "the body of a loop" in str(inner.reason)
    assert decision(plan, "outer").verdict == "INT8"


def test_what_is_between_two_inner_loops_is_in_the_outer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorflow.python.ops import control_flow_util

    monkeypatch.setattr(control_flow_util, "ENABLE_CONTROL_FLOW_V2", False)

    def body(tf: Any, x: Any) -> Any:
        def doubled(y: Any) -> Any:
            return tf.while_loop(lambda i, _: i < 2, lambda i, z: (i + 1, z + z), [tf.constant(0), y])[1]

        def step(i: Any, y: Any) -> Any:
            y = tf.nn.conv2d(doubled(y), ones(1, 1, 4, 4), 1, "SAME", name="between")
            return i + 1, tf.nn.max_pool2d(doubled(y), 2, 1, "SAME", name="pool")

        y = tf.while_loop(lambda i, _: i < 2, step, [tf.constant(0), x])[1]
        return tf.nn.relu(tf.nn.conv2d(y, ones(1, 1, 4, 4), 1, "SAME", name="behind"))

    plan = plan_of(body)
    reasons = {d.name.rpartition("/")[2]: d.reason for d in plan.decisions}
    assert reasons == {
        "between": "it is in the body of a loop",
        "pool": "it is in the body of a loop",
        "behind": None,
    }


def test_a_pool_says_whether_its_input_or_its_reader_is_float() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.avg_pool2d(x, 2, 1, "SAME", name="first")
        y = tf.nn.relu(tf.nn.conv2d(y, ones(1, 1, 4, 4), 1, "SAME"))
        return tf.nn.softmax(tf.nn.avg_pool2d(y, 2, 2, "SAME", name="last"))

    plan = plan_of(body)
    assert decision(plan, "first").reason == "what it reads is not INT8"
    assert str(decision(plan, "first").way_out).startswith("it follows the ops in front of it")
    assert "no INT8 op reads its output" in str(decision(plan, "last").reason)
    assert decision(plan, "last").way_out is None


def test_a_concat_of_shapes_is_no_candidate() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.relu(tf.nn.conv2d(x, ones(1, 1, 4, 4), 1, "SAME"))
        return tf.reshape(y, tf.concat([tf.shape(y)[:1], [-1]], 0, name="shapes"))

    assert "shapes" not in {d.name for d in plan_of(body).decisions}


def test_needs_output_names() -> None:
    graph = build(small_net, (None, 8, 8, 4))
    with pytest.raises(GraphError, match="needs the output names"):
        quantize(Graph(graph.nodes), Recipe())
