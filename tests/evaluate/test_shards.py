"""Evaluations by shards: merged, they are that of all images, whatever their order and number."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from graphs import build
from images import write_arrays
from octavo.cli import cli
from octavo.data.shard import Shard
from octavo.documents.ranking import Ranking
from octavo.errors import DataError
from octavo.evaluate.evaluate import evaluate_file, evaluate_shard, merge_files
from octavo.evaluate.shards import merge_rankings
from octavo.graph import save_graph

IMAGES = 11
LABELS = np.array([0, 1, 2, 3, 9, 5, 8, 7, 8, 1, 10])


def ranking(start: int, stop: int, classes: int = 12, offset: int | None = None, output: str = "out") -> Ranking:
    best = [[place % classes, (place + 1) % classes] for place in range(start, stop)]
    labels = LABELS[start:stop].tolist()
    return Ranking(
        start=start,
        stop=stop,
        best=best,
        labels=labels,
        classes=classes,
        label_offset=offset,
        batch_size=4,
        seconds=1,
        output=output,
        outputs=2,
        rivals=[],
    )


@given(st.sets(st.integers(1, IMAGES - 1)), st.randoms())
def test_shards_in_any_order_give_the_counts_of_all_images(cuts: set[int], random: object) -> None:
    ends = [0, *sorted(cuts), IMAGES]
    parts = [ranking(start, stop) for start, stop in pairwise(ends)]
    random.shuffle(parts)  # type: ignore[attr-defined]
    whole = merge_rankings([ranking(0, IMAGES)])
    assert merge_rankings(parts).model_copy(update={"seconds": 1}) == whole
    assert (whole.correct1, whole.correct5) == (8, 8)


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        pytest.param([], "no evaluations to merge", id="none"),
        pytest.param([(0, 4), (6, 11)], "no evaluation is of the images 4 to 5;", id="hole"),
        pytest.param([(4, 11)], "no evaluation is of the images 0 to 3;", id="beginning"),
        pytest.param([(0, 4), (0, 4), (4, 11)], "two evaluations are of the images 0 to 3;", id="twice"),
    ],
)
def test_shards_that_are_not_the_whole_are_refused(parts: list[tuple[int, int]], wanted: str) -> None:
    with pytest.raises(DataError, match=wanted):
        merge_rankings([ranking(*part) for part in parts])


def test_shards_of_two_graphs_are_refused() -> None:
    with pytest.raises(DataError, match=r"differ in classes \(\[12, 13\]\)"):
        merge_rankings([ranking(0, 4), ranking(4, 11, classes=13)])
    with pytest.raises(DataError, match=r"differ in output \(\['other', 'out'\]\)"):
        merge_rankings([ranking(0, 4, output="other"), ranking(4, 11)])


def test_whether_there_is_a_background_class_is_told_from_the_labels_of_all_shards() -> None:
    parts = [ranking(0, 4, classes=1001), ranking(4, 11, classes=1001)]
    assert merge_rankings(parts).label_offset == 1
    last = parts[1].model_copy(update={"labels": [1000] * 7})
    assert merge_rankings([parts[0], last]).label_offset == 0


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    def by_shade(tf: object, x: object) -> object:
        shade = tf.reduce_mean(x, axis=[1, 2])  # type: ignore[attr-defined]
        return -tf.abs(shade + 0.1 - tf.range(12, dtype=tf.float32)[None, :])  # type: ignore[attr-defined]

    save_graph(build(by_shade, (None, 2, 2, 1)), tmp_path / "graph.pb")
    return tmp_path / "graph.pb"


@pytest.fixture
def data(tmp_path: Path) -> str:
    x = np.arange(IMAGES, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return write_arrays(tmp_path / "data.npz", x=x, y=LABELS)


def test_processes_pods_and_one_process_count_the_same(graph: Path, data: str, tmp_path: Path) -> None:
    reading = {"dataset_uri": data, "preprocessing": "raw", "batch_size": 2, "outputs": ["out"]}
    files = [tmp_path / f"{number}.json" for number in range(3)]
    for file, (start, stop) in zip(files, [(0, 4), (4, 8), (8, 11)], strict=True):
        evaluate_shard(graph, file, shard=Shard(start=start, stop=stop), **reading)  # type: ignore[arg-type]
    found = [
        evaluate_file(graph, **reading),  # type: ignore[arg-type]
        evaluate_file(graph, workers=3, **reading),  # type: ignore[arg-type]
        merge_files(files[::-1]),
    ]
    assert len({result.model_copy(update={"seconds": 0}).model_dump_json() for result in found}) == 1
    assert (found[0].correct1, found[0].images) == (8, IMAGES)


def test_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{}")
    with pytest.raises(DataError, match=r"r\.json' is no shard's evaluation: start: Field required"):
        merge_files([tmp_path / "r.json"])


def test_the_command_takes_several_processes(graph: Path, data: str) -> None:
    arguments = f"evaluate --in_graph={graph} --dataset={data} --preprocessing=raw --outputs=out --workers=2"
    result = CliRunner().invoke(cli, arguments.split(), catch_exceptions=False)
    assert result.output.startswith("top-1 72.73 (8 of 11)\n")
