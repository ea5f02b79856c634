from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from graphs import build
from images import write_arrays
from octavo.cli import cli
from octavo.documents.evaluation import Evaluation
from octavo.errors import DataError, GraphError, SpecError
from octavo.evaluate.evaluate import evaluate_file
from octavo.graph import save_graph

CLASSES = 12


def shades(labels: list[int]) -> dict[str, Any]:
    """Images of one shade each, the shade being the class, and labels that may say otherwise."""
    x = np.arange(len(labels), dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return {"x": x, "y": np.array(labels)}


def by_shade(classes: int = CLASSES, first: int = 0) -> Callable[[Any, Any], Any]:
    """A graph that scores class `first + s` best for the shade s, then the classes beside it."""
    return lambda tf, x: (
        -tf.abs(tf.reduce_mean(x, axis=[1, 2]) + first + 0.1 - tf.range(classes, dtype=tf.float32)[None, :])
    )


@pytest.fixture
def evaluated(tmp_path: Path) -> Callable[..., Evaluation]:
    def run(
        body: Callable[[Any, Any], Any] | None = None,
        *,
        batch: int | None = None,
        data: dict[str, Any] | None = None,
        **options: Any,
    ) -> Evaluation:
        graph = build(body or by_shade(), (batch, 2, 2, 1))
        save_graph(graph, tmp_path / "graph.pb")
        uri = write_arrays(tmp_path / "data.npz", **(data or shades(list(range(10)))))
        settings = {"preprocessing": "raw", "outputs": ["out"], "batch_size": 4, **options}
        return evaluate_file(tmp_path / "graph.pb", dataset_uri=uri, **settings)

    return run


def test_counts_what_is_right(evaluated: Callable[..., Evaluation]) -> None:
    found = evaluated(data=shades([0, 1, 2, 3, 9, 5, 8, 7]))
    assert found.predictions == [0, 1, 2, 3, 4, 5, 6, 7]
    assert (found.images, found.classes, found.label_offset, found.batch_size) == (8, CLASSES, 0, 4)
    assert (found.correct1, found.top1) == (6, 75.0)
    assert (found.correct5, found.top5) == (7, 87.5), "8 is among the best five of the shade 6, 9 not of the shade 4"
    assert found.seconds > 0


@pytest.mark.parametrize("batch", [1, 2])
def test_a_graph_with_a_batch_of_its_own_runs_at_that(evaluated: Callable[..., Evaluation], batch: int) -> None:
    found = evaluated(batch=batch, data=shades([0, 1, 2]))
    assert (found.batch_size, found.predictions) == (batch, [0, 1, 2])


def test_a_limit_takes_the_first_images(evaluated: Callable[..., Evaluation]) -> None:
    assert evaluated(limit=3).predictions == [0, 1, 2]


def test_fewer_than_five_classes_are_all_among_the_best(evaluated: Callable[..., Evaluation]) -> None:
    found = evaluated(by_shade(3), data=shades([2, 2, 2]))
    assert (found.correct1, found.correct5) == (1, 3)


def test_equal_scores_go_to_the_first_class(evaluated: Callable[..., Evaluation]) -> None:
    assert set(evaluated(lambda tf, x: tf.reduce_mean(x, [1, 2]) * tf.zeros([1, CLASSES])).predictions) == {0}


def test_scores_may_have_axes_of_one_element(evaluated: Callable[..., Evaluation]) -> None:
    found = evaluated(lambda tf, x: tf.reshape(by_shade()(tf, x), [-1, 1, 1, CLASSES]))
    assert found.predictions == list(range(10))


def test_a_background_class_shifts_the_labels(evaluated: Callable[..., Evaluation]) -> None:
    found = evaluated(by_shade(1001, first=1))
    assert (found.label_offset, found.top1) == (1, 100.0)


def test_labels_that_count_the_background_class_are_not_shifted(evaluated: Callable[..., Evaluation]) -> None:
    found = evaluated(by_shade(1001), data=shades([0, 1, 1000]))
    assert (found.label_offset, found.correct1) == (0, 2)


def test_the_preprocessing_may_say_the_shift(evaluated: Callable[..., Evaluation]) -> None:
    found = evaluated(by_shade(first=2), preprocessing="label_offset: 2")
    assert (found.label_offset, found.top1) == (2, 100.0)


@pytest.mark.parametrize(
    ("options", "fault", "wanted"),
    [
        pytest.param({"data": {"x": shades([0])["x"]}}, DataError, "has no labels", id="no labels"),
        pytest.param({"data": shades([0, 12])}, DataError, "labels are 0 to 12 .* tells 12 classes apart", id="label"),
        pytest.param({"preprocessing": "label_offset: -1"}, DataError, "label 0 is the class -1", id="offset"),
        pytest.param({"outputs": []}, SpecError, "output is not named", id="no output"),
        pytest.param({"outputs": ["uot"]}, GraphError, "no node named 'uot'.*out", id="unknown output"),
        pytest.param({"limit": -1}, SpecError, "limit is -1", id="limit"),
        pytest.param({"preprocessing": "caffe"}, SpecError, "1 channels", id="channels"),
        pytest.param({"body": lambda tf, x: tf.math.log(-x)}, GraphError, "NaN or infinity", id="NaN"),
        pytest.param({"body": lambda tf, x: tf.reduce_mean(x)}, GraphError, "wanted scores", id="a number"),
        pytest.param(
            {"body": lambda tf, x: tf.argmax(by_shade()(tf, x), 1)}, GraphError, r"int64 \[4\]; wanted", id="classes"
        ),
    ],
)
def test_what_cannot_be_judged_says_why(
    evaluated: Callable[..., Evaluation], options: dict[str, Any], fault: type[Exception], wanted: str
) -> None:
    with pytest.raises(fault, match=wanted):
        evaluated(**options)


def test_the_command_prints_and_writes_the_figures(tmp_path: Path) -> None:
    save_graph(build(by_shade(), (None, 2, 2, 1)), tmp_path / "g.pb")
    data = write_arrays(tmp_path / "d.npz", **shades([0, 1, 2, 9]))
    arguments = f"evaluate --in_graph={tmp_path / 'g.pb'} --dataset={data} --preprocessing=raw --inputs=x --outputs=out"
    result = CliRunner().invoke(cli, [*arguments.split(), f"--output={tmp_path / 'e.json'}"], catch_exceptions=False)
    assert result.output == "top-1 75.00 (3 of 4)\ntop-5 75.00 (3 of 4)\n"
    assert Evaluation.model_validate(json.loads((tmp_path / "e.json").read_text())).predictions == [0, 1, 2, 3]
