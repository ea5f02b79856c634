"""The step as a whole: files in, files out."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphs import build, freeze, run
from octavo.documents.decisions import Decision, Verdict
from octavo.errors import GraphError
from octavo.graph import Graph, load_graph, save_graph
from octavo.int8.lowering import lower
from octavo.quantize_graph.quantize import in_short, quantize, quantize_file
from octavo.recipe import Recipe
from octavo.transform_graph import stages
from octavo.transform_graph.transform import transform


def net(tf: Any, x: Any) -> Any:
    rng = np.random.default_rng(0)
    y = tf.nn.relu(tf.nn.conv2d(x, rng.normal(size=(3, 3, 4, 8)).astype(np.float32), 1, "SAME", name="conv"))
    y = tf.reshape(tf.nn.max_pool2d(y, 8, 8, "VALID"), [-1, 8])
    return tf.matmul(y, rng.normal(size=(8, 5)).astype(np.float32), name="dense")


def x() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(2, 8, 8, 4)).astype(np.float32)


def stripped(graph: Graph) -> Graph:
    """The graph as tools write it that leave out attributes with default values."""
    defaults = {"dilations", "explicit_paddings", "use_cudnn_on_gpu", "data_format", "transpose_a", "transpose_b"}
    nodes = {
        n.name: replace(n, attrs={k: v for k, v in n.attrs.items() if k not in defaults}) for n in graph.nodes.values()
    }
    return replace(graph, nodes=nodes)


def test_attributes_left_at_their_defaults_change_nothing() -> None:
    graph = build(net, (None, 8, 8, 4))
    outputs = []
    for each in (graph, stripped(graph)):
        dynamic, _ = quantize(each, Recipe())
        outputs.append(run(lower(freeze(dynamic, x())).graph, x())[0])
    assert np.array_equal(outputs[0], outputs[1])


@pytest.mark.parametrize(
    ("verdicts", "line"),
    [
        (["INT8"] * 28 + ["FP32"], "quantized 28 of 29 ops that could be INT8; 1 stays FP32"),
        (["INT8", "FP32", "FP32"], "quantized 1 of 3 ops that could be INT8; 2 stay FP32"),
        (["INT8"], "quantized 1 of 1 op that could be INT8; none stays FP32"),
    ],
)
def test_how_many_ops_are_int8_is_said_in_a_line(verdicts: list[Verdict], line: str) -> None:
    assert in_short([Decision("a", "Conv2D", verdict) for verdict in verdicts]) == line


def test_writes_a_graph_that_runs_and_a_verdict_for_each_op(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "octavo.quantize_graph")
    save_graph(build(net, (None, 8, 8, 4)), tmp_path / "fp32.pb")
    quantize_file(
        tmp_path / "fp32.pb",
        tmp_path / "dynamic.pb",
        tmp_path / "decisions.json",
        recipe=Recipe(),
        inputs=["x"],
        outputs=["out"],
    )
    verdicts = {n["name"]: n["verdict"] for n in json.loads((tmp_path / "decisions.json").read_text())["nodes"]}
    assert caplog.messages == ["quantized 4 of 4 ops that could be INT8; none stays FP32"]
    assert verdicts == {"conv": "INT8", "MaxPool2d": "INT8", "Reshape": "INT8", "dense": "INT8"}
    dynamic = load_graph(tmp_path / "dynamic.pb").with_ends(["x"], ["out"])
    assert run(dynamic, x())[0].shape == (2, 5)


def test_a_wrong_output_name_writes_nothing(tmp_path: Path) -> None:
    save_graph(build(net, (None, 8, 8, 4)), tmp_path / "fp32.pb")
    targets = [tmp_path / "dynamic.pb", tmp_path / "decisions.json"]
    with pytest.raises(GraphError, match=r"no node named 'outt' .*near names: out"):
        quantize_file(tmp_path / "fp32.pb", *targets, recipe=Recipe(), inputs=["x"], outputs=["outt"])
    assert not any(target.exists() for target in targets)


def relus(tf: Any, x: Any) -> Any:
    rng = np.random.default_rng(0)
    spread = np.float32(4) ** np.arange(8, dtype=np.float32)
    y = tf.nn.conv2d(x, rng.normal(size=(1, 1, 4, 8)).astype(np.float32) * spread, 1, "SAME", name="one")
    y = tf.nn.conv2d(tf.nn.relu(y), rng.normal(size=(1, 1, 8, 8)).astype(np.float32), 1, "SAME", name="two")
    return tf.nn.conv2d(tf.nn.relu6(y), rng.normal(size=(1, 1, 8, 8)).astype(np.float32), 1, "SAME", name="three")


def test_a_recipe_may_have_weights_equalized_and_says_which_are_not() -> None:
    graph = build(relus, (None, 8, 8, 4))
    (plain, told), (equalized, noted) = (quantize(graph, Recipe(equalize_weights=e)) for e in (False, True))
    assert {d.name: d.note for d in told} == {"one": None, "two": None, "three": None}
    notes = {d.name: d.note for d in noted}
    assert (notes["one"], notes["three"]) == (None, None)
    assert "not equalized: Relu6" in str(notes["two"])
    first, second = ([n for n in g.nodes.values() if n.name.endswith("_qint8_const")] for g in (plain, equalized))
    same = [a == b for a, b in zip(first, second, strict=True)]
    assert same == [True, False, True]  # a scale of its own for each channel takes in what the first conv was scaled by


@pytest.mark.parametrize("bias", ["float32", "qint32"])
def test_the_fusing_stage_heeds_the_recipes_bias(bias: str) -> None:
    recipe = Recipe.model_validate({"bias": bias})
    frozen = freeze(quantize(build(net, (None, 8, 8, 4)), recipe)[0], x())
    int8 = transform(frozen, stages.fuse(recipe))
    kinds = {n.op: n.dtype("Tbias") for n in int8.nodes.values() if "Tbias" in n.attrs}
    assert kinds == {"_FusedQuantizedConv2D": bias, "_QuantizedMatMul": "float32"}
