"""Each pattern: which ops it becomes, and its numbers against the frozen-range graph and against float."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from examples import example
from graphs import Stages, build, quantized, run
from octavo.graph import Graph, const_node
from octavo.int8.lowering import lower
from octavo.recipe import Recipe, Target

Body = Callable[[Any, Any], Any]


def weights(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) / np.float32(np.sqrt(np.prod(shape[:-1])))


def image(*shape: int, positive: bool = False, seed: int = 1) -> np.ndarray:
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return np.abs(values) if positive else values


def conv_bias_relu(tf: Any, x: Any) -> Any:
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, weights(3, 3, 8, 16), 1, "SAME"), weights(16)))


def conv_alone(tf: Any, x: Any) -> Any:
    return tf.nn.conv2d(x, weights(3, 3, 8, 16), 2, "VALID")


def conv_constant_add_relu6(tf: Any, x: Any) -> Any:
    y = tf.nn.conv2d(x, 4 * weights(3, 3, 8, 16), 1, "SAME")
    return tf.nn.relu6(tf.raw_ops.AddV2(x=tf.constant(weights(16)), y=y))


def conv_explicit_padding(tf: Any, x: Any) -> Any:
    y = tf.nn.conv2d(x, weights(3, 3, 8, 16), 2, [[0, 0], [2, 1], [0, 1], [0, 0]])
    return tf.nn.relu(tf.nn.bias_add(y, weights(16)))


def conv_dilated(tf: Any, x: Any) -> Any:
    return tf.nn.relu(tf.nn.conv2d(x, weights(3, 3, 8, 16), 1, "SAME", dilations=2))


def depthwise_relu6(tf: Any, x: Any) -> Any:
    y = tf.nn.depthwise_conv2d(x, weights(3, 3, 8, 1), [1, 2, 2, 1], "SAME")
    return tf.nn.relu6(tf.nn.bias_add(y, weights(8)))


def depthwise_linear(tf: Any, x: Any) -> Any:
    return tf.nn.bias_add(tf.nn.depthwise_conv2d(x, weights(3, 3, 8, 1), [1, 1, 1, 1], "SAME"), weights(8))


def zero_channels(tf: Any, x: Any) -> Any:
    kernel = weights(3, 3, 8, 16)
    kernel[..., ::2] = 0
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, kernel, 1, "SAME"), weights(16)))


def two_convs(tf: Any, x: Any) -> Any:
    y = conv_bias_relu(tf, x)
    return tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 16, 8, seed=2), 1, "SAME"))


def linear_bottleneck(tf: Any, x: Any) -> Any:
    y = tf.nn.bias_add(tf.nn.conv2d(x, weights(1, 1, 8, 16), 1, "SAME"), weights(16))
    return tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 16, 8, seed=2), 1, "SAME"))


def pad_conv(tf: Any, x: Any) -> Any:
    y = tf.pad(conv_bias_relu(tf, x), [[0, 0], [1, 2], [2, 1], [0, 0]])
    return tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 16, 8, seed=2), 2, "VALID"))


def residual_relu(tf: Any, x: Any) -> Any:
    y = conv_bias_relu(tf, x)
    z = tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 16, 16, seed=4), 1, "SAME"))
    z = tf.nn.bias_add(tf.nn.conv2d(z, weights(3, 3, 16, 16, seed=2), 1, "SAME"), weights(16))
    return tf.nn.conv2d(tf.nn.relu(z + y), weights(1, 1, 16, 8, seed=3), 1, "SAME")


def residual_of_its_own_input(tf: Any, x: Any) -> Any:
    y = conv_bias_relu(tf, x)
    z = tf.nn.bias_add(tf.nn.conv2d(y, weights(3, 3, 16, 16, seed=2), 1, "SAME"), weights(16))
    return tf.nn.conv2d(tf.nn.relu(z + y), weights(1, 1, 16, 8, seed=3), 1, "SAME")


def projection_shortcut(tf: Any, x: Any) -> Any:
    y = conv_bias_relu(tf, x)
    a = tf.nn.bias_add(tf.nn.conv2d(y, weights(1, 1, 16, 16, seed=4), 2, "SAME"), weights(16))
    b = tf.nn.bias_add(tf.nn.conv2d(y, weights(3, 3, 16, 16, seed=2), 2, "SAME"), weights(16))
    return tf.nn.relu(a + b)


def padded_shortcut(tf: Any, x: Any) -> Any:
    """The shortcut's ops stand behind the conv that takes the sum in: its range is that of the tensor it moves."""
    y = conv_bias_relu(tf, x)
    z = tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 16, 24, seed=2), 2, "SAME"))
    z = tf.nn.conv2d(z, weights(3, 3, 24, 24, seed=3), 1, "SAME")
    skip = tf.pad(tf.nn.max_pool2d(y, 1, 2, "SAME"), [[0, 0], [0, 0], [0, 0], [4, 4]])
    return tf.nn.relu(z + skip)


def inverted_residual(tf: Any, x: Any) -> Any:
    y = tf.nn.bias_add(tf.nn.conv2d(x, weights(1, 1, 8, 8), 1, "SAME"), weights(8))
    z = tf.nn.relu6(tf.nn.conv2d(y, weights(1, 1, 8, 24, seed=2), 1, "SAME"))
    z = tf.nn.relu6(tf.nn.depthwise_conv2d(z, weights(3, 3, 24, 1, seed=3), [1, 1, 1, 1], "SAME"))
    z = tf.nn.bias_add(tf.nn.conv2d(z, weights(1, 1, 24, 8, seed=4), 1, "SAME"), weights(8)) + y
    return tf.nn.relu(tf.nn.conv2d(z, weights(3, 3, 8, 16, seed=5), 1, "VALID"))


def inception(tf: Any, x: Any) -> Any:
    y = conv_bias_relu(tf, x)
    a = tf.nn.relu(tf.nn.conv2d(y, weights(1, 1, 16, 8, seed=2), 1, "SAME"))
    b = tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 16, 8, seed=3), 1, "SAME"))
    c = tf.nn.max_pool2d(tf.concat([a, b], 3), 3, 2, "SAME")
    return tf.nn.relu(tf.nn.conv2d(c, weights(3, 3, 16, 8, seed=4), 1, "SAME"))


def feature_pyramid(tf: Any, x: Any) -> Any:
    """A small map, enlarged, beside a large one."""
    y = conv_bias_relu(tf, x)
    small = tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 16, 16, seed=2), 2, "SAME"))
    large = tf.compat.v1.image.resize_nearest_neighbor(small, [10, 10])
    return tf.nn.relu(tf.nn.conv2d(tf.concat([y, large], 3), weights(3, 3, 32, 8, seed=4), 1, "SAME"))


def moved_about(tf: Any, x: Any) -> Any:
    """Space to depth, a transpose and depth to space of a signed tensor, and back into a conv."""
    y = tf.nn.bias_add(tf.nn.conv2d(x, weights(3, 3, 8, 16), 1, "SAME"), weights(16))
    y = tf.transpose(tf.nn.space_to_depth(y, 2), [0, 2, 1, 3])
    return tf.nn.relu(tf.nn.conv2d(tf.nn.depth_to_space(y, 2), weights(3, 3, 16, 8, seed=4), 1, "SAME"))


def dense(tf: Any, x: Any) -> Any:
    y = tf.reduce_mean(conv_bias_relu(tf, x), [1, 2])
    y = tf.nn.relu(tf.nn.bias_add(tf.matmul(y, weights(16, 32, seed=2)), weights(32)))
    return tf.nn.bias_add(tf.matmul(y, weights(10, 32, seed=3), transpose_b=True), weights(10))


PATTERNS: dict[Body, list[str]] = {
    conv_bias_relu: ["_FusedQuantizedConv2D"],
    conv_alone: ["_FusedQuantizedConv2D"],
    conv_constant_add_relu6: ["_FusedQuantizedConv2D"],
    conv_explicit_padding: ["_FusedQuantizedConv2D"],
    conv_dilated: ["_FusedQuantizedConv2D"],
    depthwise_relu6: ["_FusedQuantizedDepthwiseConv2D"],
    depthwise_linear: ["_FusedQuantizedDepthwiseConv2D"],
    zero_channels: ["_FusedQuantizedConv2D"],
    two_convs: ["_FusedQuantizedConv2D"] * 2,
    linear_bottleneck: ["_FusedQuantizedConv2D"] * 2,
    pad_conv: ["_FusedQuantizedConv2D"] * 2,
    residual_relu: ["_FusedQuantizedConv2D"] * 4,
    residual_of_its_own_input: ["QuantizedMaxPool"] + ["_FusedQuantizedConv2D"] * 3,  # a private copy of the summand
    projection_shortcut: ["_FusedQuantizedConv2D"] * 3,
    padded_shortcut: ["_FusedQuantizedConv2D"] * 4,
    inverted_residual: ["_FusedQuantizedConv2D"] * 4 + ["_FusedQuantizedDepthwiseConv2D"],
    inception: ["QuantizedConcatV2", "QuantizedMaxPool"] + ["_FusedQuantizedConv2D"] * 4,
    feature_pyramid: ["Bitcast"] * 2 + ["QuantizedConcatV2", "ResizeNearestNeighbor"] + ["_FusedQuantizedConv2D"] * 3,
    moved_about: ["Bitcast"] * 6 + ["DepthToSpace", "SpaceToDepth", "Transpose"] + ["_FusedQuantizedConv2D"] * 2,
}


def stages_of(body: Body, *, positive: bool = False, target: Target = "fused", recipe: Recipe | None = None) -> Stages:
    x = image(2, 10, 10, 8, positive=positive)
    return quantized(build(body, (None, 10, 10, 8)), x, target=target, recipe=recipe)


@pytest.mark.parametrize("body", PATTERNS, ids=lambda body: body.__name__)
def test_becomes_kernels_with_no_float_op_between_them(body: Body) -> None:
    wanted = sorted([*PATTERNS[body], "Placeholder", "QuantizeV2", "Dequantize", "Identity"])
    assert stages_of(body, recipe=Recipe(split_concats=False)).ops() == wanted


@pytest.mark.int8
@pytest.mark.parametrize("target", ["fused", "public"])
@pytest.mark.parametrize("per_channel", [True, False], ids=["per_channel", "per_tensor"])
@pytest.mark.parametrize("body", PATTERNS, ids=lambda body: body.__name__)
def test_numbers_are_within_one_step_of_the_frozen_graph_and_near_float(
    body: Body, per_channel: bool, target: Target
) -> None:
    stages = stages_of(body, target=target, recipe=Recipe(per_channel=per_channel))
    exact, frozen, int8 = stages.outputs()
    step = np.ptp(exact) / 255
    # a one-step flip inside the graph may move what follows: one step on 99.5 % of the values, two on the rest
    off = np.abs(int8 - frozen)
    assert np.quantile(off, 0.995) <= 1.05 * 2 * step
    assert off.max() <= 2.1 * 2 * step
    assert abs(np.mean(int8 - frozen)) <= 0.15 * step
    signal_to_noise = np.sqrt(np.mean(exact**2) / np.mean((int8 - exact) ** 2))
    assert signal_to_noise > (40 if per_channel else 30)


def test_a_dense_head_stays_in_int8_and_ends_in_float_without_a_dequantize() -> None:
    stages = stages_of(dense)
    assert stages.ops().count("_QuantizedMatMul") == 2
    assert not {"Dequantize", "Mean"} & set(stages.ops())
    exact, frozen, int8 = stages.outputs()
    assert np.abs(int8 - frozen).max() <= 0.01 * np.ptp(exact)


@pytest.mark.int8
@pytest.mark.parametrize("activation", ["relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh"])
def test_a_matmul_takes_its_activation_in(activation: str) -> None:
    def body(tf: Any, x: Any) -> Any:
        y = getattr(tf.nn, activation)(tf.nn.bias_add(tf.matmul(x, weights(24, 32)), weights(32)))
        return getattr(tf.nn, activation)(tf.matmul(y, weights(32, 8, seed=2)))

    stages = quantized(build(body, (None, 24)), image(16, 24))
    assert stages.ops() == sorted(["Placeholder", "QuantizeV2", "Identity", "_QuantizedMatMul", "_QuantizedMatMul"])
    exact, frozen, int8 = stages.outputs()
    assert np.abs(int8 - frozen).max() <= 0.01 * np.ptp(exact)
    assert np.sqrt(np.mean(exact**2) / np.mean((int8 - exact) ** 2)) > 40


def test_rounding_to_unsigned_codes_is_a_kernels_relu_unless_it_sums() -> None:
    stages = stages_of(residual_relu)
    kernels = [node for node in stages.int8.nodes.values() if node.op == "_FusedQuantizedConv2D"]
    fused = ["-".join(node.texts("fused_ops")) for node in kernels]
    assert Counter(fused) == {"BiasAdd-Requantize": 3, "BiasAdd-Sum-Relu-Requantize": 1}
    unsigned = [node for node in kernels if node.dtype("out_type") == "quint8"]
    relu = ("BiasAdd", "Relu", "Requantize")
    spelled_out = {n.name: n.with_attrs(fused_ops=relu) for n in unsigned if "Sum" not in n.texts("fused_ops")}
    assert len(spelled_out) == 3
    nodes = [spelled_out.get(name, node) for name, node in stages.int8.nodes.items()]
    np.testing.assert_array_equal(run(stages.int8, stages.x)[0], run(stages.int8.with_nodes(nodes), stages.x)[0])


@pytest.mark.int8
def test_what_moves_codes_keeps_their_range_whatever_range_was_measured_behind_it() -> None:
    """A user's own graph: a Pad between two pairs with ranges of their own."""
    stages = stages_of(padded_shortcut, recipe=Recipe(excluded_ops=("Pad",)))
    exact, frozen, int8 = stages.outputs()
    assert np.sqrt(np.mean(exact**2) / np.mean((int8 - exact) ** 2)) > 40
    assert np.quantile(np.abs(int8 - frozen), 0.995) <= 2.1 * np.ptp(exact) / 255


def test_an_enlargement_to_a_computed_size_works_on_codes() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = conv_bias_relu(tf, x)
        large = tf.compat.v1.image.resize_nearest_neighbor(y, 2 * tf.shape(x)[1:3])
        return tf.nn.relu(tf.nn.conv2d(large, weights(1, 1, 16, 8, seed=4), 1, "SAME"))

    stages = stages_of(body)
    assert stages.ops().count("Bitcast") == 2
    exact, _, int8 = stages.outputs()
    assert np.sqrt(np.mean(exact**2) / np.mean((int8 - exact) ** 2)) > 40


@pytest.mark.int8
def test_a_shifted_tensor_is_not_padded_with_code_zero() -> None:
    def body(tf: Any, x: Any) -> Any:
        y = tf.nn.bias_add(tf.nn.conv2d(x, weights(1, 1, 8, 16), 1, "SAME"), weights(16))
        z = tf.nn.conv2d(tf.pad(y, [[0, 0], [1, 1], [1, 1], [0, 0]]), weights(3, 3, 16, 8, seed=2), 1, "VALID")
        return z + tf.nn.conv2d(y, weights(1, 1, 16, 8, seed=3), 1, "SAME")

    stages = stages_of(body, recipe=Recipe(excluded_ops=("Pad",)))
    assert any(n.text("mode") == "MIN_FIRST" for n in stages.frozen.nodes.values() if n.op == "QuantizeV2")
    exact, _, int8 = stages.outputs()
    assert np.sqrt(np.mean(exact**2) / np.mean((int8 - exact) ** 2)) > 40


def test_public_target_emits_intels_names() -> None:
    ops = stages_of(residual_relu, positive=True, target="public").ops()
    assert "QuantizedConv2DWithBiasSumAndReluAndRequantize" in ops
    assert "QuantizedConv2DWithBiasAndReluAndRequantize" in ops


def test_a_range_that_is_not_frozen_leaves_float_arithmetic_that_still_runs() -> None:
    stages = stages_of(two_convs, recipe=Recipe(bias_correction=False))
    lowered = lower(stages.dynamic)
    assert lowered.missed
    assert "_FusedQuantizedConv2D" not in {n.op for n in lowered.graph.nodes.values()}
    assert np.allclose(run(lowered.graph, stages.x)[0], run(stages.dynamic, stages.x)[0], atol=1e-5)


PAIRS = """
    x = Placeholder() shape=<?,6,6,4>
    low = Const() value=float32<>[0]
    high = Const() value=float32<>[4]
    w_low = Const() value=float32<>[-1]
    w_high = Const() value=float32<>[1]
    sum_high = Const() value=float32<>[8]
    batch = Const() value=int32<1>[0]
    map = Const() value=int32<2>[1, 2]
    codes = QuantizeV2(x, low, high) T=quint8 mode="SCALED"
    data = Dequantize(codes, codes:1, codes:2) T=quint8 mode="SCALED"
    w = Dequantize(w_codes, w_low, w_high) T=qint8 mode="SCALED"
    conv = Conv2D(data, w) padding="SAME"
    rest = {summand}
    rest_codes = QuantizeV2(rest, low, high) T=quint8 mode="SCALED"
    other = Dequantize(rest_codes, rest_codes:1, rest_codes:2) T=quint8 mode="SCALED"
    sum = AddV2(conv, other)
    r = Relu(sum)
    r_codes = QuantizeV2(r, low, sum_high) T=quint8 mode="SCALED"
    y = Dequantize(r_codes, r_codes:1, r_codes:2) T=quint8 mode="SCALED"
"""


def users_own(
    summand: str, weight_codes: np.ndarray, change: tuple[str, str] = ("sum = ", "sum = "), extra: str = ""
) -> Graph:
    """A QDQ graph that octavo did not write: a 1x1 conv, and a summand of the user's making."""
    text = PAIRS.format(summand=summand).replace(*change) + extra
    graph = example(text, inputs=("x",), outputs=("y",), consts={"w_codes": np.zeros((1, 1, 4, 4), np.float32)})
    return graph.with_nodes(
        const_node("w_codes", weight_codes, "qint8") if n.name == "w_codes" else n for n in graph.nodes.values()
    )


@pytest.mark.parametrize(
    ("summand", "fits"),
    [
        pytest.param("Sqrt(data)", True, id="of_the_same_shape"),
        pytest.param("Max(data, map) keep_dims=true", False, id="of_one_number_a_channel"),
        pytest.param("Max(data, batch) keep_dims=true", False, id="of_one_example"),
    ],
)
def test_a_summand_that_is_spread_over_the_sum_leaves_a_users_own_conv_in_float(summand: str, fits: bool) -> None:
    graph = users_own(summand, np.random.default_rng(2).integers(-127, 128, (1, 1, 4, 4)).astype(np.int8))
    lowered = lower(graph)
    assert ("_FusedQuantizedConv2D" in {n.op for n in lowered.graph.nodes.values()}) == fits
    assert (lowered.missed == {}) == fits
    assert fits or lowered.reason("r_codes")[1].reason == "the kernels add summands of the output's shape only"
    x = image(3, 6, 6, 4, positive=True)
    assert np.abs(run(lowered.graph, x)[0] - run(graph, x)[0]).max() <= 1.01 * 8 / 255


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("[-1]", "[-3]", id="a_range_with_a_longer_low_end"),
        pytest.param('T=qint8 mode="SCALED"', 'T=qint8 mode="MIN_FIRST"', id="codes_from_the_low_end"),
    ],
)
def test_weights_that_the_kernels_would_read_otherwise_stay_in_float(old: str, new: str) -> None:
    weight_codes = np.random.default_rng(2).integers(-127, 128, (1, 1, 4, 4)).astype(np.int8)
    graph = users_own("Sqrt(data)", weight_codes, (old, new))
    lowered = lower(graph)
    assert lowered.reason("r_codes")[1].reason == "its weights are not qint8 constants of a symmetric range"
    x = image(3, 6, 6, 4, positive=True)
    np.testing.assert_array_equal(run(lowered.graph, x)[0], run(graph, x)[0])


def test_names_that_a_user_has_taken_stay_the_users() -> None:
    weight_codes = np.random.default_rng(2).integers(-127, 128, (1, 1, 4, 4)).astype(np.int8)
    taken = ("codes_high", "r_codes_low", "r_codes_high", "r_codes_bias", "r_codes_summand", "eightbit_zero")
    extra = "".join(f"\n    {name} = Const() value=float32<>[{3 + i}]" for i, name in enumerate(taken))
    extra += "\n    all = AddN(" + ", ".join(taken) + f") N={len(taken)}\n    y = AddV2(d, all)"
    graph = users_own("Sqrt(data)", weight_codes, ("    y = Deq", "    d = Deq"), extra)
    lowered = lower(graph)
    assert not lowered.missed
    assert {name: lowered.graph.nodes[name] for name in taken} == {name: graph.nodes[name] for name in taken}
    x = image(3, 6, 6, 4, positive=True)
    assert np.abs(run(lowered.graph, x)[0] - run(graph, x)[0]).max() <= 1.01 * 8 / 255
    assert lower(lowered.graph).graph == lowered.graph
