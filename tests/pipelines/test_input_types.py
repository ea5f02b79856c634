"""A preprocessing whose numbers a model's input cannot hold is refused before the model is made ready."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from images import noise, write_arrays
from logged import INPUT_RANGE, logged_graph
from octavo.calibrate.calibrate import calibrate_file
from octavo.data.shard import Shard
from octavo.errors import DataError, GraphError, SpecError
from octavo.evaluate.evaluate import evaluate_file
from octavo.graph import Graph, Node, save_graph
from octavo.graph.attrs import DType, TensorShape
from octavo.plan_shards.declared import check_declared
from octavo.quantize.graphs import summarize
from octavo.quantize.quantize import Files, Job, int8_graph
from octavo.ranges.min_max_log import read_log_file
from octavo.recipe import Calibration, Recipe

REFUSED = r"makes 0\.00392157 of the pixel 1, but the graph's input 'pixels' \(uint8 \[\?, 6, 6, 3\]\) .* as raw does"


def taking_bytes(graph: Graph, dtype: str = "uint8") -> Graph:
    """The graph with another input in front of its own: pixels of some type, which it casts."""
    image = graph.nodes["image"]
    pixels = Node("pixels", "Placeholder", (), {"dtype": DType(dtype), "shape": TensorShape((None, 6, 6, 3))})
    cast = Node("image", "Cast", ("pixels",), {"SrcT": DType(dtype), "DstT": image.attrs["dtype"]})
    nodes = [pixels, *(cast if node is image else node for node in graph.nodes.values())]
    return Graph({}).with_nodes(nodes).with_ends(("pixels",), graph.outputs)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("graph") / "graph.pb"
    save_graph(taking_bytes(logged_graph()), path)
    return path


@pytest.fixture
def data(tmp_path: Path) -> str:
    images = np.stack([noise(6, 6, seed=seed) for seed in range(6)])
    return write_arrays(tmp_path / "d.npz", x=images, y=np.zeros(6, int))


def calibrate(graph: Path, log: Path, data: str, preprocessing: str, **settings: Any) -> None:
    shard = Shard(start=0, stop=6)
    calibrate_file(graph, log, dataset_uri=data, shard=shard, preprocessing=preprocessing, batch_size=2, **settings)


@pytest.mark.parametrize("required", [1.0, 0.1])
def test_calibrating_refuses_it_and_writes_nothing(graph: Path, data: str, required: float, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=REFUSED):
        calibrate(graph, tmp_path / "log", data, "unit", calibration=Calibration(required_examples=required))
    assert not (tmp_path / "log").exists()


def test_raw_pixels_go_into_bytes_and_unit_into_floats_and_measure_the_same_but_for_the_scale(
    graph: Path, data: str, tmp_path: Path
) -> None:
    save_graph(taking_bytes(logged_graph(), "float32"), tmp_path / "floats.pb")
    highs = {}
    for model, preprocessing in ((graph, "raw"), (tmp_path / "floats.pb", "raw"), (tmp_path / "floats.pb", "unit")):
        calibrate(model, tmp_path / "log", data, preprocessing)
        highs[model.name, preprocessing] = read_log_file(tmp_path / "log").ranges[INPUT_RANGE].highs
    bytes_, floats, unit = highs.values()
    assert np.array_equal(bytes_, floats)
    np.testing.assert_allclose(unit * 255, floats, rtol=1e-6)
    assert bytes_.min() > 200


def test_evaluating_refuses_it(graph: Path, data: str) -> None:
    with pytest.raises(SpecError, match=REFUSED):
        evaluate_file(graph, dataset_uri=data, preprocessing="unit", outputs=["out"])


def test_pixels_beyond_the_type_are_refused_when_they_are_read(graph: Path, tmp_path: Path) -> None:
    deep = write_arrays(tmp_path / "deep.npz", x=np.full((6, 6, 6, 3), 4000, np.uint16))
    with pytest.raises(DataError, match=r"images of '.*deep\.npz' become 4000 for the input 'pixels'"):
        calibrate(graph, tmp_path / "log", deep, "raw")
    assert not (tmp_path / "log").exists()


def test_at_the_desk_it_is_refused_as_soon_as_the_model_is_summarized(graph: Path, data: str, tmp_path: Path) -> None:
    steps: list[str] = []

    @contextmanager
    def step(name: str) -> Iterator[None]:
        steps.append(name)
        yield

    job = Job(
        model=str(graph), calibration=data, validation=None, preprocessing="unit", recipe=Recipe(), outputs=("out",)
    )
    with pytest.raises(SpecError, match=REFUSED):
        int8_graph(job, Files(tmp_path), step)
    assert steps == ["Fetch model", "Summarize"]


def test_a_summary_tells_which_preprocessing_fits(graph: Path, tmp_path: Path) -> None:
    summarize(graph, tmp_path / "summary.json", (), ("out",))
    for name in ("raw", "none", "{preset: raw, resize: crop}"):
        check_declared(tmp_path / "summary.json", name)
    for name in ("unit", "inception", "torch", "caffe", "{scale: 2}"):
        with pytest.raises(SpecError, match="'pixels'"):
            check_declared(tmp_path / "summary.json", name)
    (tmp_path / "none.json").write_text("{}")
    with pytest.raises(GraphError, match="is no summary"):
        check_declared(tmp_path / "none.json", "raw")
