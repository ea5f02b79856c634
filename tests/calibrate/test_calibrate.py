from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from images import noise, write_arrays, write_images
from logged import NODES, logged_graph
from octavo.calibrate.calibrate import calibrate_file
from octavo.calibrate.ranges import shard_records
from octavo.cli import cli
from octavo.data.dataset import open_dataset
from octavo.data.manifest import write_manifest
from octavo.data.preprocessing import PRESETS
from octavo.data.shard import Shard
from octavo.errors import CalibrationError, DataError
from octavo.graph import load_graph, save_graph
from octavo.ranges.min_max_log import Examples, read_log, read_log_file
from octavo.recipe import Algorithm, Calibration
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
    done = CliRunner().invoke(cli, ["calibrate", *arguments], catch_exceptions=False)
    assert re.fullmatch(r"calibrated 5 examples in \d+ s\n", done.output)
    records = shard_records(
        load_graph(graph), open_dataset(data), Shard(start=4, stop=9), preprocessing=PRESETS["unit"], batch_size=4
    )
    text = (tmp_path / "log").read_text()
    assert text == "".join(read_log(records).lines())
    assert text.count("\n") == 3 + 2 * len(NODES)


def test_a_fault_comes_back_as_what_it_was_and_no_log_is_written(tmp_path: Path, graph: Path) -> None:
    write_images(tmp_path / "images", {"a.png": noise(), "b.png": noise()})
    (tmp_path / "images" / "b.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"^the image '.*b\.png' \(6 bytes\) cannot be decoded"):
        calibrate(graph, tmp_path / "log", str(tmp_path / "images"), stop=2)
    assert not (tmp_path / "log").exists()


def test_a_process_that_dies_is_told(graph: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_call: object, **_options: object) -> None:
        raise worker.WorkerDiedError("the process was killed: out of memory")

    monkeypatch.setattr(worker, "call", die)
    with pytest.raises(CalibrationError, match="calibration broke off: the process was killed"):
        calibrate(graph, tmp_path / "log", "data")


def test_a_shard_that_holds_nothing_is_refused_at_the_command_line(tmp_path: Path, graph: Path) -> None:
    arguments = f"calibrate --in-graph={graph} --log={tmp_path / 'log'} --dataset=d --start=3 --stop=3"
    assert isinstance(CliRunner().invoke(cli, arguments.split()).exception, DataError)


PIXEL = 255
"""The first number of the example 13, and of no other."""

FUNCTIONS = """
import os
import signal
from pathlib import Path

import numpy as np

def unit(image):
    return image.astype(np.float32) / np.float32(255)

def killed_once(image):
    if image[0, 0, 0] == 255 and not Path("killed").exists():
        Path("killed").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return unit(image)

def killed_always(image):
    if image[0, 0, 0] == 255:
        os.kill(os.getpid(), signal.SIGKILL)
    return unit(image)

def refused(image):
    if image[0, 0, 0] == 255:
        raise ValueError("a bright corner")
    return unit(image)
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """23 examples, in a folder whose module `killers` preprocesses them."""
    x = np.random.default_rng(3).integers(0, PIXEL, (23, 6, 6, 3), np.uint8)
    x[13, 0, 0, 0] = PIXEL
    (tmp_path / "killers.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    return write_arrays(tmp_path / "d.npz", x=x)


def logged(graph: Path, data: str, function: str = "unit", **options: Any) -> bytes:
    log = graph.with_name(f"{function}.log")
    settings: dict[str, Any] = {"preprocessing": f"{{function: 'killers:{function}'}}", "batch_size": 2, **options}
    calibrate_file(graph, log, dataset_uri=data, shard=Shard(start=0, stop=23), **settings)
    return log.read_bytes()


@pytest.mark.parametrize("algorithm", ["order_statistic", "moving_average", "mse"])
def test_the_log_is_the_same_whatever_the_number_of_processes(graph: Path, data: str, algorithm: Algorithm) -> None:
    calibration = Calibration(algorithm=algorithm)
    assert len({logged(graph, data, calibration=calibration, workers=workers) for workers in (1, 3)}) == 1


def test_a_process_killed_within_its_shard_is_begun_again_and_the_bytes_are_the_same(graph: Path, data: str) -> None:
    found = logged(graph, data, "killed_once", workers=2)
    assert Path("killed").exists()
    assert found == logged(graph, data)


def test_a_shard_whose_process_is_killed_each_time_fails_by_its_name(graph: Path, data: str) -> None:
    wanted = "broke off in the shard 1, examples 12 to 22: its process was killed by SIGKILL, .* at the attempt 3"
    with pytest.raises(CalibrationError, match=wanted):
        logged(graph, data, "killed_always", workers=2)
    assert not graph.with_name("killed_always.log").exists()


def test_a_shard_that_fails_is_left_out_where_the_recipe_allows_it_and_the_log_says_so(graph: Path, data: str) -> None:
    with pytest.raises(DataError, match=r"a bright corner \(in the shard 1, examples 12 to 22\)"):
        logged(graph, data, "refused", workers=2)
    logged(graph, data, "refused", workers=2, calibration=Calibration(required_examples=0.4))
    log = read_log_file(graph.with_name("refused.log"))
    assert log.examples == (Examples(0, 12), Examples(12, 23, missing=True))
    assert {len(ranges) for ranges in log.ranges.values()} == {6}


def test_of_a_manifest_it_is_said_how_many_of_all_were_calibrated_and_how_many_failed(
    graph: Path, data: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_manifest(open_dataset(data), tmp_path / "manifest", 16)
    given: dict[str, Any] = {"dataset_uri": str(tmp_path / "manifest"), "batch_size": 4}
    with caplog.at_level(logging.INFO, "octavo.calibrate"):
        calibrate_file(graph, tmp_path / "a", shard=Shard(start=0, stop=12), preprocessing="unit", **given)
        allowed = Calibration(required_examples=0.4)
        refusing: dict[str, Any] = {"preprocessing": "{function: 'killers:refused'}", "calibration": allowed}
        calibrate_file(graph, tmp_path / "b", shard=Shard(start=8, stop=16), workers=2, **refusing, **given)

    first, second = caplog.messages
    assert re.fullmatch(r"calibrated 12 of 16 examples in \d+ s", first)
    assert re.fullmatch(
        r"calibrated 4 of 16 examples in \d+ s; 4 examples more failed, which the recipe allows", second
    )
