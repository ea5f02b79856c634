from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from images import noise, write_arrays, write_images
from logged import NODES, logged_graph
from octavo.calibrate.calibrate import calibrate_file
from octavo.calibrate.ranges import shard_records
from octavo.cli import cli
from octavo.data.dataset import open_dataset
from octavo.data.preprocessing import PRESETS
from octavo.data.shard import Shard
from octavo.errors import CalibrationError, DataError
from octavo.graph import load_graph, save_graph
from octavo.runtime import worker


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    save_graph(logged_graph(), tmp_path / "logged.pb")
    return tmp_path / "logged.pb"


def calibrate(graph: Path, log: Path, data: str, *, stop: int = 1) -> None:
    calibrate_file(graph, log, dataset_uri=data, shard=Shard(start=0, stop=stop), preprocessing="unit", batch_size=4)


def test_the_command_writes_what_calibrating_in_this_process_gives(tmp_path: Path, graph: Path) -> None:
    data = write_arrays(tmp_path / "d.npz", x=np.random.default_rng(3).integers(0, 256, (9, 6, 6, 3), np.uint8))
    arguments = [f"--in_graph={graph}", f"--log={tmp_path / 'log'}", f"--dataset={data}", "--start=4", "--batch_size=4"]
    CliRunner().invoke(cli, ["calibrate", *arguments], catch_exceptions=False)
    records = shard_records(
        load_graph(graph), open_dataset(data), Shard(start=4, stop=9), preprocessing=PRESETS["unit"], batch_size=4
    )
    text = (tmp_path / "log").read_text()
    assert text == "".join(records)
    assert text.count("\n") == 1 + 2 * len(NODES)


def test_a_fault_comes_back_as_what_it_was_and_no_log_is_written(tmp_path: Path, graph: Path) -> None:
    write_images(tmp_path / "images", {"a.png": noise(), "b.png": noise()})
    (tmp_path / "images" / "b.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"^the image '.*b\.png' \(6 bytes\) cannot be decoded"):
        calibrate(graph, tmp_path / "log", str(tmp_path / "images"), stop=2)
    assert not (tmp_path / "log").exists()


def test_a_process_that_dies_is_told(graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(_function: str, _argument: str) -> None:
        raise worker.WorkerDiedError("the process was killed: out of memory")

    monkeypatch.setattr(worker, "call", die)
    with pytest.raises(CalibrationError, match="calibration broke off: the process was killed"):
        calibrate(graph, tmp_path / "log", "data")


def test_a_shard_that_holds_nothing_is_refused_at_the_command_line(tmp_path: Path, graph: Path) -> None:
    arguments = f"calibrate --in-graph={graph} --log={tmp_path / 'log'} --dataset=d --start=3 --stop=3"
    assert isinstance(CliRunner().invoke(cli, arguments.split()).exception, DataError)
