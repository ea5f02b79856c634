"""What a lowering leaves in float, told by decisions.json, `octavo explain` and the report."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from graphs import build
from octavo.cli import cli
from octavo.documents.decisions import Decision, Decisions
from octavo.explain.explain import explain
from octavo.graph import Graph, save_graph
from octavo.graph.miss import Miss
from octavo.graph_folder import GraphFolder, new_graph_folder
from octavo.int8.integer_biases import FLOAT_BIAS
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Recipe
from octavo.report.figures import fp32_nodes
from octavo.transform_graph import stages
from octavo.transform_graph.step import fuse_kernels
from octavo.transform_graph.transform import transform, transformed
from octavo.transform_graph.verdicts import after_lowering
from written import summary

RECIPE = Recipe(bias_correction=False)
LOG = """
;first_eightbit_requant_range_Relu__print__;__requant_min_max:[0][1]
;first_eightbit_requant_range__print__;__requant_min_max:[0][3]
;third_eightbit_requant_range__print__;__requant_min_max:[0][3]
"""


def weights(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape).astype(np.float32)


def net(tf: Any, x: Any) -> Any:
    y = tf.nn.relu(tf.nn.conv2d(tf.nn.relu(x), weights(3, 3, 4, 4), 1, "SAME", name="first"))
    y = tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 4, 4), 1, "SAME", name="second"))
    y = tf.nn.max_pool2d(y, 2, 2, "SAME", name="pool")
    return tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 4, 4), 1, "SAME", name="third"))


@pytest.fixture(scope="module")
def made() -> tuple[Graph, Decisions]:
    """A dynamic-range graph, and its verdicts: all are INT8."""
    dynamic, verdicts = quantize(build(net, (None, 6, 6, 4)), RECIPE)
    assert {d.verdict for d in verdicts} == {"INT8"}
    return dynamic, Decisions(nodes=tuple(verdicts), recipe=RECIPE.model_dump(mode="json"))


@pytest.fixture
def source(made: tuple[Graph, Decisions], tmp_path: Path) -> GraphFolder:
    """The graph's folder; the range behind its second conv is not frozen."""
    (tmp_path / "log").write_text(LOG)
    folder = new_graph_folder(tmp_path / "ranged")
    save_graph(transform(made[0], f"freeze_requantization_ranges(min_max_log_file={tmp_path}/log)"), folder.graph)
    made[1].write(folder.decisions)
    summary(("x",), ("out",)).write(folder.summary)
    return folder


def fp32(decisions: Decisions) -> dict[str, str]:
    return {d.name: f"{d.kind}: {d.reason}" for d in decisions.nodes if d.verdict == "FP32"}


LEFT = {
    "second": "missed: the range of 'second_eightbit_requantize' is not frozen",
    "pool": "missed: the range of 'pool_eightbit_requantize' is not frozen",
    "third": "missed: it reads 'pool', which is not quantized with a frozen range",
}


def test_the_step_settles_the_verdicts_beside_the_graph(source: GraphFolder, tmp_path: Path) -> None:
    made = new_graph_folder(tmp_path / "int8", after=source)
    fuse_kernels(source, made, "")
    settled = Decisions.read(made.decisions)
    assert fp32(settled) == LEFT
    assert str(settled.nodes[1].way_out).startswith("calibrate")
    assert fp32(Decisions.read(source.decisions)) == {}
    assert {node.name: f"missed: {node.reason}" for node in fp32_nodes(settled, frozenset())} == LEFT


def test_the_command_writes_them_beside_its_graph_for_explain(source: GraphFolder, tmp_path: Path) -> None:
    int8 = tmp_path / "int8.pb"
    words = [f"--in_graph={source.graph}", f"--out_graph={int8}", "--inputs=x", "--outputs=out"]
    words += [f"--transforms={' '.join(map(str, stages.fuse(RECIPE)))}", f"--decisions={source.decisions}"]
    CliRunner().invoke(cli, ["transform_graph", *words], catch_exceptions=False)
    told = CliRunner().invoke(cli, ["explain", str(tmp_path), "--only=fp32"], catch_exceptions=False).output
    assert "FP32  second  (Conv2D)  missed: the range of 'second_eightbit_requantize' is not frozen" in told
    assert "to change it: calibrate, and freeze the range" in told
    assert [node.name for node in explain(f"{int8}.decisions.json", only="fp32").nodes] == list(LEFT)


def test_verdicts_stay_where_all_is_lowered(made: tuple[Graph, Decisions], tmp_path: Path) -> None:
    ranges = (
        "first_eightbit_requant_range_Relu",
        *(f"{n}_eightbit_requant_range" for n in ("first", "second", "third")),
    )
    log = tmp_path / "log"
    log.write_text("".join(f";{name}__print__;__requant_min_max:[0][3]\n" for name in ranges))
    outcome = transformed(made[0], stages.freeze_ranges(log, RECIPE) + stages.fuse(RECIPE))
    assert after_lowering(made[1], outcome.missed) == made[1]


def test_a_bias_that_stays_float32_is_a_note_and_another_miss_is_none() -> None:
    before = Decisions(nodes=(Decision("conv", "Conv2D", "INT8", rule="Conv2D", note="it was split"),), recipe={})
    told = {"conv": [("fold_steps", Miss("no scale follows", at="conv")), (FLOAT_BIAS, Miss("others read it", at="b"))]}
    [conv] = after_lowering(before, told).nodes
    assert (conv.verdict, conv.note) == ("INT8", "it was split; its bias stays float32: others read it")
