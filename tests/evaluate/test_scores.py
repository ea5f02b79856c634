"""Graphs of several outputs: which one top-1 is counted of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from graphs import build
from images import write_arrays
from octavo.cli import cli
from octavo.documents.evaluation import Evaluation
from octavo.errors import GraphError
from octavo.evaluate.evaluate import evaluate_file
from octavo.evaluate.scores import check_scored
from octavo.graph import Graph, save_graph

CLASSES, IMAGES = 12, 6
HEADS = ("logits", "probabilities", "maps", "worst", "features", "boxes", "ids")


def heads(tf: Any, x: Any) -> Any:
    """Outputs of many kinds; the logits, the probabilities and the maps are right."""
    shade = tf.reduce_mean(x, axis=[1, 2])
    scores = -tf.abs(shade + 0.1 - tf.range(CLASSES, dtype=tf.float32)[None, :])
    tf.identity(scores, name="logits")
    tf.nn.softmax(scores, name="probabilities")
    tf.reshape(tf.nn.softmax(scores), [-1, 1, 1, CLASSES], name="maps")
    tf.nn.softmax(-scores, name="worst")
    tf.nn.relu(-scores, name="features")
    tf.reshape(tf.tile(scores, [1, 2]), [-1, CLASSES, 2], name="boxes")
    tf.argmax(scores, 1, name="ids")
    return shade


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build(heads, (None, 2, 2, 1), HEADS)


@pytest.fixture(scope="module")
def files(graph: Graph, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The graph, and images of one shade each, which is their class."""
    folder = tmp_path_factory.mktemp("heads")
    save_graph(graph, folder / "graph.pb")
    x = np.arange(IMAGES, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return folder / "graph.pb", write_arrays(folder / "data.npz", x=x, y=np.arange(IMAGES))


def evaluated(files: tuple[Path, str], *outputs: str) -> Evaluation:
    graph, data = files
    return evaluate_file(graph, dataset_uri=data, preprocessing="raw", outputs=outputs, batch_size=4)


@pytest.mark.parametrize(
    ("outputs", "scored", "rivals"),
    [
        pytest.param(["boxes", "logits"], "logits", [], id="behind_boxes"),
        pytest.param(["ids", "logits"], "logits", [], id="behind_whole_numbers"),
        pytest.param(["features", "probabilities"], "probabilities", [], id="behind_features"),
        pytest.param(["boxes", "maps", "features"], "maps", [], id="as_maps_of_one_pixel"),
        pytest.param(["worst", "probabilities"], "worst", ["probabilities"], id="the_first_of_two_heads"),
        pytest.param(["probabilities", "worst"], "probabilities", ["worst"], id="the_one_that_is_named_first"),
        pytest.param(["features", "logits"], "features", ["logits"], id="no_probabilities"),
        pytest.param(["logits"], "logits", [], id="alone"),
    ],
)
def test_the_first_output_that_looks_like_scores_for_classes_is_scored(
    files: tuple[Path, str], outputs: list[str], scored: str, rivals: list[str]
) -> None:
    found = evaluated(files, *outputs)
    assert (found.output, found.rivals) == (scored, rivals)
    assert found.top1 == (0 if scored in {"worst", "features"} else 100)
    assert found.classes == CLASSES


def test_two_heads_are_told_with_the_way_to_choose(files: tuple[Path, str]) -> None:
    assert evaluated(files, "boxes", "worst", "probabilities").note() == (
        "top-1 and top-5 are of the output 'worst'; 'probabilities' looks like scores for classes, too: "
        "name the one that counts first with --outputs (in the pipeline output_names)"
    )
    assert evaluated(files, "boxes", "logits").note() == "top-1 and top-5 are of the output 'logits'"
    assert evaluated(files, "logits").note() == ""


def test_outputs_of_which_none_is_scores_are_an_error_that_lists_them(files: tuple[Path, str], graph: Graph) -> None:
    wanted = (
        r"none of the 2 outputs looks like scores for classes, .*'boxes' float32 \[%s,12,2\], 'ids' int64 \[%s\]; "
        r"leave the validation data out, or name the output"
    )
    with pytest.raises(GraphError, match=wanted % ("4", "4")):
        evaluated(files, "boxes", "ids")
    with pytest.raises(GraphError, match=wanted % (r"\?", r"\?")):
        check_scored(graph.with_ends(["x"], ["boxes", "ids"]))


@pytest.mark.parametrize("outputs", [["boxes", "logits"], ["boxes"]], ids=["one_is", "one_alone"])
def test_before_the_run_a_graph_with_scores_or_one_output_passes(graph: Graph, outputs: list[str]) -> None:
    check_scored(graph.with_ends(["x"], outputs))


def test_before_the_run_outputs_of_unknown_shape_pass() -> None:
    def body(tf: Any, x: Any) -> Any:
        return tf.compat.v1.placeholder_with_default(x, None)

    check_scored(build(body, (None, 2, 2, 1), ("out", "x")))


def test_the_command_names_the_output_that_it_scored(files: tuple[Path, str]) -> None:
    graph, data = files
    arguments = f"evaluate --in_graph={graph} --dataset={data} --preprocessing=raw --outputs=boxes,logits"
    result = CliRunner().invoke(cli, arguments.split(), catch_exceptions=False)
    assert result.output == (
        "top-1 100.00 (6 of 6)\ntop-5 100.00 (6 of 6)\ntop-1 and top-5 are of the output 'logits'\n"
    )
