from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.fold_old_batch_norms import fold_old_batch_norms

TOLERANCE = 1e-5
"""Largest difference, relative to the largest magnitude, between a graph's output before and after."""

HEAD = "x = Placeholder() shape=<?,6,6,3>\nc = Conv2D(x, w)"
NORMS = {
    "BatchNormWithGlobalNormalization": "mean, variance, beta, gamma) variance_epsilon=0.001 "
    "scale_after_normalization=true",
    "FusedBatchNorm": "gamma, beta, mean, variance) epsilon=0.001 is_training=false",
    "FusedBatchNormV2": "gamma, beta, mean, variance) epsilon=0.001 is_training=false",
    "FusedBatchNormV3": "gamma, beta, mean, variance) epsilon=0.001 is_training=false",
}


def norm(x: str, op: str = "FusedBatchNormV3", name: str = "y") -> str:
    return f"{name} = {op}({x}, {NORMS[op]}"


def graph_of(
    text: str, *, channels: int = 4, consts: dict[str, Any] | None = None, outputs: tuple[str, ...] = ("y",)
) -> Graph:
    given = {
        "w": random(1, 1, 3, 4),
        "v": random(1, 1, 3, 4, seed=1),
        "mean": random(channels, seed=2),
        "variance": random(channels, seed=3) + 1.5,
        "beta": random(channels, seed=4),
        "gamma": random(channels, seed=5),
    }
    given |= {name: np.array(value) for name, value in (consts or {}).items()}
    graph = example(text, inputs=("x",), outputs=outputs, consts=given).without_dead_nodes()
    return replace(graph, versions=old_version())


def old_version() -> Any:
    """The GraphDef version at which TensorFlow still takes BatchNormWithGlobalNormalization."""
    from tensorflow.core.framework import versions_pb2

    return versions_pb2.VersionDef(producer=8)


def ops(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes.values() if node.op not in {"Const", "Placeholder"}]


def assert_same_output(before: Graph, after: Graph) -> None:
    assert after.versions == before.versions
    x = random(4, 6, 6, 3, seed=9)
    [old], [new] = values(before, {"x": x}), values(after, {"x": x})
    np.testing.assert_allclose(new, old, rtol=0, atol=TOLERANCE * np.abs(old).max())


@pytest.mark.parametrize("op", NORMS)
def test_a_norm_behind_a_conv(op: str) -> None:
    before = graph_of(f"{HEAD}\n{norm('c', op)}")
    after = fold_old_batch_norms(before).graph
    assert [n.name for n in after.nodes.values() if n.op != "Const"] == ["x", "c", "y"]
    assert after.nodes["y"].inputs == ("c", "c_bn_offset")
    assert_same_output(before, after)
    assert fold_old_batch_norms(after).graph == after


def test_a_norm_that_does_not_scale() -> None:
    before = graph_of(f"{HEAD}\n{norm('c', 'BatchNormWithGlobalNormalization').replace('true', 'false')}")
    after = fold_old_batch_norms(before).graph
    assert ops(after) == ["Conv2D", "BiasAdd"]
    assert_same_output(before, after)


def test_a_norm_behind_a_depthwise_conv() -> None:
    text = f"x = Placeholder() shape=<?,6,6,3>\nc = DepthwiseConv2dNative(x, d)\n{norm('c')}"
    before = graph_of(text, channels=6, consts={"d": random(2, 2, 3, 2)})
    after = fold_old_batch_norms(before).graph
    assert ops(after) == ["DepthwiseConv2dNative", "BiasAdd"]
    assert_same_output(before, after)


def test_a_norm_behind_a_bias() -> None:
    before = graph_of(f"{HEAD}\nb = BiasAdd(c, mean)\n{norm('b')}")
    after = fold_old_batch_norms(before).graph
    assert ops(after) == ["Conv2D", "BiasAdd"]
    assert_same_output(before, after)


SPACE = {"block": np.array([2, 2], np.int32), "crops": np.array([[0, 1], [1, 0]], np.int32)}


def test_a_norm_behind_a_batch_to_space() -> None:
    before = graph_of(f"{HEAD}\nb = BatchToSpaceND(c, block, crops)\n{norm('b')}", consts=SPACE)
    after = fold_old_batch_norms(before).graph
    assert ops(after) == ["Conv2D", "BiasAdd", "BatchToSpaceND"]
    assert after.nodes["c/biasadd"].inputs == ("c", "c_bn_offset")
    assert after.nodes["y"].inputs == ("c/biasadd", "block", "crops")
    assert_same_output(before, after)


@pytest.mark.parametrize(
    ("concat", "axis", "channels"),
    [
        pytest.param("k = ConcatV2(c, d, axis)", 3, 8, id="channels"),
        pytest.param("k = ConcatV2(c, d, axis)", -1, 8, id="last"),
        pytest.param("k = ConcatV2(c, d, axis)", 1, 4, id="rows"),
        pytest.param("k = Concat(axis, c, d) N=2", 3, 8, id="old_concat"),
    ],
)
def test_a_norm_behind_a_concat(concat: str, axis: int, channels: int) -> None:
    text = f"{HEAD}\nd = Conv2D(x, v)\n{concat}\n{norm('k')}"
    before = graph_of(text, channels=channels, consts={"axis": np.int32(axis)})
    after = fold_old_batch_norms(before).graph
    assert ops(after) == ["Conv2D", "Conv2D", "BiasAdd", "BiasAdd", concat.split()[2].split("(", maxsplit=1)[0]]
    assert {"k_bn_in0", "k_bn_in1", "c_bn_offset", "d_bn_offset"} <= after.nodes.keys()
    assert_same_output(before, after)


def test_a_concat_of_three_convs_with_shared_weights() -> None:
    text = f"{HEAD}\nd = Conv2D(x, w)\ne = Conv2D(x, v)\nk = ConcatV2(c, d, e, axis)\n{norm('k')}"
    before = graph_of(text, channels=12, consts={"axis": np.int32(3)})
    after = fold_old_batch_norms(before).graph
    assert sorted(ops(after)) == ["BiasAdd"] * 3 + ["ConcatV2"] + ["Conv2D"] * 3
    assert_same_output(before, after)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"r = Relu(c)\n{norm('r')}", id="relu_between"),
        pytest.param(f"{norm('c', name='n')}\ny = AddN(n, c) N=2", id="conv_read_twice"),
        pytest.param(f"k = ConcatV2(c, c, axis)\n{norm('k')}", id="conv_twice_in_a_concat"),
        pytest.param(f"r = Relu(x)\nk = ConcatV2(c, r, axis)\n{norm('k')}", id="concat_of_another_op"),
        pytest.param(
            f"b = BatchToSpaceND(c, block, crops)\n{norm('b', name='n')}\nr = Relu(b)\ny = AddN(n, r) N=2", id="read"
        ),
        pytest.param(f"{norm('c').replace('false', 'true')}", id="training"),
    ],
)
def test_near_misses_are_left_alone(text: str) -> None:
    graph = graph_of(f"{HEAD}\n{text}", consts={"axis": np.int32(3), **SPACE})
    assert to_text(fold_old_batch_norms(graph).graph) == to_text(graph)


def test_a_concat_that_is_fetched_is_left_alone() -> None:
    text = f"{HEAD}\nd = Conv2D(x, v)\nk = ConcatV2(c, d, axis)\n{norm('k')}"
    graph = graph_of(text, channels=8, consts={"axis": np.int32(3)}, outputs=("k", "y"))
    assert fold_old_batch_norms(graph).graph == graph
