from pathlib import Path

import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph, const_value, load_graph
from octavo.graph.rewrite import apply_rules
from octavo.graph.text import to_text
from octavo.runtime.session import GraphSession
from octavo.transform_graph.transform import transform
from octavo.transform_graph.transforms.fold_batch_norms import fold_batch_norms, fold_steps

TOLERANCE = 1e-5
"""Largest difference, relative to the largest magnitude, between a graph's output before and after."""

HEADS = {
    "conv": ("x = Placeholder() shape=<?,5,6,3>\nc = Conv2D(x, w)", (2, 2, 3, 4), (2, 5, 6, 3)),
    "depthwise": ("x = Placeholder() shape=<?,5,6,2>\nc = DepthwiseConv2dNative(x, w)", (2, 2, 2, 2), (2, 5, 6, 2)),
    "matmul": ("x = Placeholder() shape=<?,3>\nc = MatMul(x, w)", (3, 4), (5, 3)),
    "transposed": ("x = Placeholder() shape=<?,3>\nc = MatMul(x, w) transpose_b=true", (4, 3), (5, 3)),
}
PARAMS = {
    "scale": [2, 3, -1, 0.5],
    "mean": [10, 20, -3, 0.25],
    "variance": [0.25, 1, 3, 0.1],
    "beta": [0.1, 0.6, -2, 0],
    "wide": [[2, 3, -1, 0.5]],
    "two": 2,
    "zero": 0,
    "eps": 1e-3,
}


def graph_of(head: str, tail: str, *, outputs: tuple[str, ...] = ("y",)) -> Graph:
    """The layer `c` of a head on the input `x`, the parameters above as Consts, and a tail."""
    text, shape, _ = HEADS[head]
    consts = {name: np.array(value, np.float32) for name, value in {**PARAMS, "w": random(*shape)}.items()}
    return example(f"{text}\n{tail}", inputs=("x",), outputs=outputs, consts=consts).without_dead_nodes()


def ops(graph: Graph) -> list[str]:
    """The types of the nodes, the parameters left out."""
    return [node.op for node in graph.nodes.values() if node.op not in {"Const", "Placeholder"}]


def assert_same_output(before: Graph, after: Graph, shape: tuple[int, ...]) -> None:
    x = random(*shape, seed=1)
    for old, new in zip(values(before, {"x": x}), values(after, {"x": x}), strict=True):
        np.testing.assert_allclose(new, old, rtol=0, atol=TOLERANCE * np.abs(old).max())


RAW = """
    sum = Add(variance, eps)
    root = Rsqrt(sum)
    factor = Mul(root, scale)
    shift = Mul(mean, factor)
    rest = Sub(beta, shift)
    m = Mul(c, factor)
    y = AddV2(m, rest)
"""


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    ("tail", "left"),
    [
        pytest.param("y = Mul(c, scale)", [], id="scale"),
        pytest.param("y = Mul(scale, c)", [], id="scale_on_the_left"),
        pytest.param("y = Mul(c, two)", [], id="one_scale_for_all"),
        pytest.param("y = Mul(c, wide)", [], id="scale_of_rank_2"),
        pytest.param("y = RealDiv(c, scale)", [], id="division"),
        pytest.param("m = Mul(c, scale)\ny = RealDiv(m, two)", [], id="two_scales"),
        pytest.param("m = Mul(c, scale)\ny = Add(beta, m)", ["BiasAdd"], id="scale_and_offset"),
        pytest.param("s = Sub(c, mean)\ny = Mul(s, scale)", ["BiasAdd"], id="offset_and_scale"),
        pytest.param("b = BiasAdd(c, mean)\nm = Mul(b, scale)\ny = Sub(m, beta)", ["BiasAdd"], id="bias_before"),
        pytest.param("b = Add(c, mean)\ny = AddV2(beta, b)", ["BiasAdd"], id="two_offsets"),
        pytest.param(RAW, ["BiasAdd"], id="decomposed_norm"),
        pytest.param("i = Identity(scale)\nm = Mul(c, i)\ny = Relu(m)", ["Relu"], id="scale_behind_identity"),
    ],
)
def test_folds(head: str, tail: str, left: list[str]) -> None:
    before = graph_of(head, tail)
    after = fold_batch_norms(before).graph
    assert ops(after) == [before.nodes["c"].op, *left]
    assert_same_output(before, after, HEADS[head][2])
    assert fold_batch_norms(after).graph == after


@pytest.mark.parametrize("head", ["conv", "depthwise"])
@pytest.mark.parametrize("norm", ["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])
@pytest.mark.parametrize("bias", [False, True], ids=["alone", "behind_a_bias"])
def test_folds_fused_norms(head: str, norm: str, bias: bool) -> None:
    x = "b" if bias else "c"
    tail = f"b = BiasAdd(c, mean)\ny = {norm}({x}, scale, beta, mean, variance) is_training=false epsilon=0.001"
    before = graph_of(head, tail)
    after = fold_batch_norms(before).graph
    assert ops(after) == [before.nodes["c"].op, "BiasAdd"]
    assert after.nodes["y"].op == "BiasAdd"
    assert_same_output(before, after, HEADS[head][2])


@pytest.mark.parametrize(
    ("text", "x"),
    [
        pytest.param(
            "x = Placeholder() shape=<1,1,6,2>\nw = Const() value=float32<1,2,2,2>[1, 2, 3, 4, 0.1, 0.2, 0.3, 0.4]\n"
            "m = Const() value=float32<2>[2, 3]\nc = Conv2D(x, w)\ny = Mul(c, m)",
            np.array([1, 4, 2, 5, 3, 6, -1, -4, -2, -5, -3, -6], np.float32).reshape(1, 1, 6, 2),
            id="conv",
        ),
        pytest.param(
            "x = Placeholder() shape=<6,2>\nw = Const() value=float32<2,2>[1, 2, 0.3, 0.4]\n"
            "m = Const() value=float32<2>[2, 3]\nc = MatMul(x, w)\ny = Mul(c, m)",
            np.array([1, 4, 2, 5, 3, 6, -1, -4, -2, -5, -3, -6], np.float32).reshape(6, 2),
            id="matmul",
        ),
    ],
)
def test_the_original_tests_of_the_transform(text: str, x: np.ndarray) -> None:
    before = example(text, inputs=("x",), outputs=("y",))
    after = fold_batch_norms(before).graph
    assert "Mul" not in ops(after)
    np.testing.assert_allclose(values(after, {"x": x})[0], values(before, {"x": x})[0], atol=1e-5)


def test_with_scales_alone_the_conv_takes_the_last_ones_name() -> None:
    after = fold_batch_norms(graph_of("conv", "m = Mul(c, scale)\ny = Relu(m)")).graph
    assert [n.name for n in after.nodes.values()] == ["w", "x", "m", "y"]
    assert after.nodes["m"].op == "Conv2D"


def test_with_offsets_the_conv_keeps_its_name_and_a_bias_takes_the_last_ones() -> None:
    after = fold_batch_norms(graph_of("conv", "m = Mul(c, scale)\na = Add(m, beta)\ny = Relu(a)")).graph
    assert after.nodes["a"].inputs == ("c", "c_bn_offset")
    assert after.nodes["c"].inputs == ("x", "w")


def test_control_edges_stay() -> None:
    tail = "i = NoOp()\nm = Mul(c, scale, ^i)\na = Add(m, beta, ^i)\ny = Relu(a)"
    after = fold_batch_norms(graph_of("conv", tail)).graph
    assert after.nodes["a"].inputs == ("c", "c_bn_offset", "^i")


def test_weights_that_two_convs_share_are_copied() -> None:
    tail = "d = Conv2D(x, w)\nm = Mul(c, scale)\nn = Mul(d, mean)\ny = AddN(m, n) N=2"
    before = graph_of("conv", tail)
    after = fold_batch_norms(before).graph
    assert ops(after) == ["Conv2D", "Conv2D", "AddN"]
    assert after.nodes["m"].inputs == ("x", "m/folded_weights")
    assert_same_output(before, after, (2, 5, 6, 3))


def test_weights_that_stay_with_an_unfolded_conv_are_unchanged() -> None:
    before = graph_of("conv", "d = Conv2D(x, w)\nm = Mul(c, scale)\ny = AddN(m, d) N=2")
    after = fold_batch_norms(before).graph
    np.testing.assert_array_equal(const_value(after.nodes["w"]), const_value(before.nodes["w"]))
    assert_same_output(before, after, (2, 5, 6, 3))


def test_weights_that_are_fetched_are_unchanged() -> None:
    before = graph_of("conv", "y = Mul(c, scale)", outputs=("y", "w"))
    assert_same_output(before, fold_batch_norms(before).graph, (2, 5, 6, 3))


def test_folding_ends_at_an_op_that_two_others_read() -> None:
    before = graph_of("conv", "m = Mul(c, scale)\na = Add(m, beta)\ny = AddN(m, a) N=2")
    after = fold_batch_norms(before).graph
    assert ops(after) == ["Conv2D", "Add", "AddN"]
    assert_same_output(before, after, (2, 5, 6, 3))


def test_folding_ends_at_a_graph_output() -> None:
    before = graph_of("conv", "m = Mul(c, scale)\ny = Add(m, beta)", outputs=("m", "y"))
    after = fold_batch_norms(before).graph
    assert ops(after) == ["Conv2D", "Add"]
    assert_same_output(before, after, (2, 5, 6, 3))


NORM = "FusedBatchNormV3(c, scale, beta, mean, variance)"


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        pytest.param("m = Mul(c, scale)\nn = Mul(c, mean)\ny = AddN(m, n) N=2", "feeds 2 nodes", id="conv_read_twice"),
        pytest.param("y = Mul(c, c)", "reads c, c; wanted c once", id="squared"),
        pytest.param("y = BiasAdd(c, beta)", "nothing reads BiasAdd|is a graph output", id="lone_bias"),
        pytest.param("y = Add(c, beta)", "is a graph output", id="lone_offset"),
        pytest.param("y = Relu(c)", "expected a batch norm after Conv2D, found Relu", id="no_norm"),
        pytest.param("y = Sub(beta, c)", "takes 'c' as its second input", id="subtracted_from"),
        pytest.param("y = RealDiv(scale, c)", "takes 'c' as its second input", id="divided_into"),
        pytest.param("r = Relu(scale)\ny = Mul(c, r)", "made by Relu; wanted a constant", id="scale_not_constant"),
        pytest.param("i = Identity(scale, ^x)\ny = Mul(c, i)", "wanted a constant", id="scale_waits_for_another"),
        pytest.param(f"y = {NORM}", "is in training mode", id="training"),
        pytest.param(f"n = {NORM} is_training=false\ny = AddN(n, n:1) N=2", "reads 'n:1'", id="statistic_read"),
        pytest.param(f'y = {NORM} is_training=false data_format="NCHW"', "is NCHW, its input NHWC", id="layout"),
        pytest.param("y = RealDiv(c, zero)", "NaN or infinity", id="division_by_zero"),
    ],
)
def test_says_why_it_left_the_conv_alone(tail: str, why: str) -> None:
    graph = graph_of("conv", tail)
    outcome = apply_rules(graph, [fold_steps])
    assert to_text(outcome.graph) == to_text(graph)
    with pytest.raises(Exception, match=why):
        raise outcome.reason("c")[1]


@pytest.mark.parametrize(
    ("shape", "data_format", "fits"),
    [
        pytest.param((), "NHWC", True, id="scalar"),
        pytest.param((4,), "NHWC", True, id="channels"),
        pytest.param((1,), "NHWC", True, id="one"),
        pytest.param((1, 1, 1, 4), "NHWC", True, id="rank_4"),
        pytest.param((1, 1, 1, 1, 4), "NHWC", False, id="rank_5_adds_a_dimension"),
        pytest.param((3,), "NHWC", False, id="another_count"),
        pytest.param((4, 1), "NHWC", False, id="columns_rather_than_channels"),
        pytest.param((5, 4), "NHWC", False, id="one_a_position"),
        pytest.param((4,), "NCHW", False, id="columns_of_channels_first"),
        pytest.param((4, 1, 1), "NCHW", True, id="channels_first"),
        pytest.param((1, 4, 1, 1), "NCHW", True, id="channels_first_rank_4"),
    ],
)
def test_which_shapes_mean_one_number_a_channel(shape: tuple[int, ...], data_format: str, fits: bool) -> None:
    graph = example(
        f'x = Placeholder()\nc = Conv2D(x, w) data_format="{data_format}"\ny = Mul(c, m)',
        consts={"w": random(1, 1, 3, 4), "m": random(*shape)},
    )
    assert (fold_batch_norms(graph).graph.nodes["y"].op == "Conv2D") == fits


def test_weights_that_are_no_constant_are_left_alone() -> None:
    graph = example(
        "x = Placeholder()\nw = Placeholder()\nm = Const() value=float32<>[2]\nc = MatMul(x, w)\ny = Mul(c, m)"
    )
    assert fold_batch_norms(graph).graph == graph


def test_half_precision_weights_stay_half_precision() -> None:
    graph = example(
        "x = Placeholder() dtype=float16\nw = Const() value=float16<1,2>[1, 2]\nm = Const() value=float16<>[3]\n"
        "c = MatMul(x, w) T=float16\ny = Mul(c, m) T=float16"
    )
    assert "w = Const() value=float16<1,2>[3, 6]" in to_text(fold_batch_norms(graph).graph)


@pytest.mark.models
def test_every_norm_of_a_real_mobilenet_is_folded(test_data: Path) -> None:
    output = "MobilenetV1/Predictions/Softmax"
    graph = load_graph(test_data / "models" / "mobilenet_v1_1.0_224.pb").with_ends(["input"], [output])
    folded = transform(graph, "strip_unused_nodes remove_nodes(op=Identity) fold_constants fold_batch_norms")
    for conv in (n for n in folded.nodes.values() if n.op in {"Conv2D", "DepthwiseConv2dNative"}):
        [bias] = folded.consumers[conv.name]
        assert bias.op == "BiasAdd"
        assert [reader.op for reader in folded.consumers[bias.name]] in (["Relu6"], ["Squeeze"])
    assert "Mul" not in ops(folded)
    assert transform(graph, "fold_batch_norms").without_dead_nodes().nodes.keys() >= {output}
    x = random(1, 224, 224, 3)
    with GraphSession(graph) as before, GraphSession(folded) as after:
        np.testing.assert_allclose(after.run({"input": x})[0], before.run({"input": x})[0], atol=1e-5)
