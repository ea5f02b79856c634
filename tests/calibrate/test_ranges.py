from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from images import write_arrays
from logged import CORRECTION, INPUT_RANGE, NODES, logged_graph
from octavo.calibrate.ranges import _Corrections, shard_records
from octavo.data.dataset import Dataset, open_dataset
from octavo.data.preprocessing import PRESETS
from octavo.data.shard import Shard
from octavo.errors import CalibrationError, DataError
from octavo.graph import Graph, Node
from octavo.ranges.min_max_log import Examples, MinMaxLog, join_logs, read_log

IMAGES = 11
BATCH = 4


@pytest.fixture(scope="module")
def graph() -> Graph:
    return logged_graph()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    x = np.random.default_rng(2).integers(0, 256, (IMAGES, 6, 6, 3), np.uint8)
    return open_dataset(write_arrays(tmp_path_factory.mktemp("data") / "d.npz", x=x))


def lines(graph: Graph, dataset: Dataset, start: int = 0, stop: int = IMAGES, **options: Any) -> list[str]:
    settings: dict[str, Any] = {"preprocessing": PRESETS["unit"], "batch_size": BATCH, **options}
    return list(shard_records(graph, dataset, Shard(start=start, stop=stop), **settings))


def log(graph: Graph, dataset: Dataset, **options: Any) -> MinMaxLog:
    return read_log(lines(graph, dataset, **options))


def test_every_range_has_a_record_for_each_batch(graph: Graph, dataset: Dataset) -> None:
    found = log(graph, dataset)
    assert {node: len(pairs) for node, pairs in found.records.items()} == dict.fromkeys(NODES, 3)
    assert not found.skipped


def test_the_inputs_range_is_that_of_the_batches_pixels(graph: Graph, dataset: Dataset) -> None:
    with np.load(dataset.uri) as arrays:
        batches = np.split(arrays["x"].astype(np.float32) / np.float32(255), [4, 8])
    wanted = [(0.0, float(batch.max())) for batch in batches]
    np.testing.assert_allclose(log(graph, dataset).records[INPUT_RANGE], wanted, rtol=1e-6)


@pytest.mark.parametrize("cuts", [(4,), (8,), (4, 8)])
@pytest.mark.parametrize("algorithm", ["order_statistic", "moving_average", "kl"])
def test_shards_of_whole_batches_make_the_same_log(dataset: Dataset, cuts: tuple[int, ...], algorithm: str) -> None:
    graph = logged_graph(corrections=True)
    ends = [0, *cuts, IMAGES]
    parts = [log(graph, dataset, start=a, stop=b, algorithm=algorithm) for a, b in pairwise(ends)]
    whole = log(graph, dataset, algorithm=algorithm)
    assert list(join_logs(parts[::-1]).lines()) == list(whole.lines())
    assert whole.examples == (Examples(0, IMAGES),)


def test_every_fourth_batch_of_the_data_set_measures_bias_corrections(dataset: Dataset) -> None:
    corrected = logged_graph(corrections=True)
    assert {node: (total.count, len(total)) for node, total in log(corrected, dataset).corrections.items()} == {
        CORRECTION: (1, 4)
    }
    assert log(corrected, dataset, batch_size=1).corrections[CORRECTION].count == 3
    assert not log(corrected, dataset, start=4).corrections, "the batches 1 and 2"


def test_behind_the_first_examples_every_64th_batch_measures_bias_corrections(tmp_path: Path) -> None:
    x = np.random.default_rng(2).integers(0, 256, (330, 6, 6, 3), np.uint8)
    dataset = open_dataset(write_arrays(tmp_path / "d.npz", x=x))
    found = log(logged_graph(corrections=True), dataset, stop=330, batch_size=1).corrections[CORRECTION]
    assert found.count == 200 // 4 + 2, "256 and 320 behind the first 200"


def test_an_algorithm_of_values_gets_a_histogram_of_each_tensor(graph: Graph, dataset: Dataset) -> None:
    found = log(graph, dataset, algorithm="percentile")
    assert {node: int(histogram.counts.sum()) for node, histogram in found.histograms.items()} == {
        INPUT_RANGE: IMAGES * 6 * 6 * 3,
        NODES[1]: IMAGES * 6 * 6 * 4,
        NODES[2]: IMAGES * 6 * 6 * 5,
    }
    assert not log(graph, dataset).histograms


def test_a_moving_average_gets_the_place_of_each_batch(graph: Graph, dataset: Dataset) -> None:
    ranges = log(graph, dataset, start=4, algorithm="moving_average").ranges
    assert {tuple(found.batches.tolist()) for found in ranges.values()} == {(1, 2)}


def test_a_graph_with_a_batch_of_one_has_a_record_for_each_image(dataset: Dataset) -> None:
    found = log(logged_graph(batch=1), dataset)
    assert {len(pairs) for pairs in found.records.values()} == {IMAGES}


def test_filling_up_a_short_batch_does_not_change_its_range(graph: Graph, dataset: Dataset) -> None:
    assert lines(logged_graph(batch=4), dataset) == lines(graph, dataset)


def test_a_shard_beyond_the_data_set_is_refused(graph: Graph, dataset: Dataset) -> None:
    with pytest.raises(DataError, match=r"covers the examples 8 to 11, but .* has 11"):
        lines(graph, dataset, 8, 12)


def test_a_graph_for_other_channels_is_refused(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="have 3 channels; 1 are wanted"):
        lines(logged_graph(channels=1), dataset)


def test_a_graph_without_prints_is_refused(graph: Graph, dataset: Dataset) -> None:
    with pytest.raises(CalibrationError, match="prints no range"):
        lines(graph.with_ends((), ()).with_nodes([graph.nodes["image"]]), dataset)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_range_that_is_not_finite_names_its_node_and_examples(tmp_path: Path, graph: Graph, value: float) -> None:
    x = np.zeros((6, 6, 6, 3), np.float32)
    x[5, 0, 0, 0] = value
    broken = open_dataset(write_arrays(tmp_path / "d.npz", x=x))
    with pytest.raises(CalibrationError, match=rf"'{INPUT_RANGE}' gives NaN or infinity in .* examples 4 to 5;"):
        lines(graph, broken, 0, 6)


def test_a_bias_correction_that_is_not_finite_names_its_node() -> None:
    with pytest.raises(CalibrationError, match=rf"'{CORRECTION}' gives NaN or infinity in .* examples 4 to 5;"):
        _Corrections(["a", CORRECTION]).add(np.array([1, 2, np.nan], np.float32), [1, 2], range(4, 6))


def test_values_of_a_range_that_is_no_measurement_cannot_be_counted(graph: Graph, dataset: Dataset) -> None:
    def upside_down(node: Node) -> Node:
        return replace(node, inputs=(node.inputs[0], node.inputs[2], node.inputs[2]))

    nodes = [upside_down(n) if n.op == "RequantizationRange" else n for n in graph.nodes.values()]
    other = graph.with_nodes(nodes)
    with pytest.raises(CalibrationError, match=r"its values cannot be counted; calibrate with .* order_statistic"):
        lines(other, dataset, algorithm="kl")
