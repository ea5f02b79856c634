from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from images import noise, write_arrays, write_images
from logged import NODES, logged_graph
from octavo.calibrate.calibrate import calibrate_file
from octavo.calibrate.ranges import shard_records
from octavo.calibrate.worker import main
from octavo.cli import cli
from octavo.data.dataset import open_dataset
from octavo.data.preprocessing import PRESETS
from octavo.data.shard import Shard
from octavo.errors import CalibrationError, DataError
from octavo.graph import load_graph, save_graph


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    save_graph(logged_graph(), tmp_path / "logged.pb")
    return tmp_path / "logged.pb"


def calibrate(graph: Path, log: Path, data: str, *, stop: int = 1) -> None:
    calibrate_file(graph, log, dataset_uri=data, shard=Shard(start=0, stop=stop), preprocessing="unit", batch_size=4)


def interpreter(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a shell script in the place of Python."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))


def test_the_command_writes_what_calibrating_in_this_process_gives(tmp_path: Path, graph: Path) -> None:
    data = write_arrays(tmp_path / "d.npz", x=np.random.default_rng(3).integers(0, 256, (9, 6, 6, 3), np.uint8))
    arguments = [f"--in_graph={graph}", f"--log={tmp_path / 'log'}", f"--dataset={data}", "--start=4", "--batch_size=4"]
    CliRunner().invoke(cli, ["calibrate", *arguments], catch_exceptions=False)
    records = shard_records(
        load_graph(graph), open_dataset(data), Shard(start=4, stop=9), preprocessing=PRESETS["unit"], batch_size=4
    )
    text = (tmp_path / "log").read_text()
    assert text == "".join(records)
    assert text.count("\n") == 2 * len(NODES)


def test_a_fault_comes_back_as_what_it_was_and_no_log_is_written(tmp_path: Path, graph: Path) -> None:
    write_images(tmp_path / "images", {"a.png": noise(), "b.png": noise()})
    (tmp_path / "images" / "b.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"^the image '.*b\.png' \(6 bytes\) cannot be decoded"):
        calibrate(graph, tmp_path / "log", str(tmp_path / "images"), stop=2)
    assert not (tmp_path / "log").exists()


def test_ops_run_on_one_thread(tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    interpreter(tmp_path, monkeypatch, f"echo $TF_NUM_INTRAOP_THREADS > {tmp_path / 'threads'}")
    calibrate(graph, tmp_path / "log", "data")
    assert (tmp_path / "threads").read_text() == "1\n"


@pytest.mark.parametrize(
    ("script", "wanted"),
    [
        pytest.param("kill -9 $$", "was killed by SIGKILL; it may have run out of memory", id="killed"),
        pytest.param("echo one >&2; echo the end >&2; exit 1", "exit status 1: the end$", id="a traceback"),
        pytest.param("exit 3", "exit status 3: it said nothing$", id="silent"),
        pytest.param("echo hello; exit 2", "exit status 2: it said nothing$", id="no fault told"),
    ],
)
def test_a_process_that_dies_is_told(
    tmp_path: Path, graph: Path, monkeypatch: pytest.MonkeyPatch, script: str, wanted: str
) -> None:
    interpreter(tmp_path, monkeypatch, script)
    with pytest.raises(CalibrationError, match=wanted):
        calibrate(graph, tmp_path / "log", "data")


def test_a_fault_of_a_narrower_class_comes_back_as_its_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], graph: Path, tmp_path: Path
) -> None:
    class NarrowError(CalibrationError):
        pass

    def fail(_: object) -> None:
        raise NarrowError("so it is")

    request = '{"logged_graph": "g", "log": "l", "dataset_uri": "d", "shard": {"start": 0, "stop": 1}, '
    request += '"preprocessing": "unit", "batch_size": 1, "inputs": []}'
    monkeypatch.setattr("octavo.calibrate.worker.write_log", fail)
    monkeypatch.setattr("sys.stdin.read", lambda: request)
    assert main() == 2
    told = capsys.readouterr().out.strip()
    interpreter(tmp_path, monkeypatch, f"echo '{told}'; exit 2")
    with pytest.raises(CalibrationError, match=r"^so it is$"):
        calibrate(graph, tmp_path / "log", "data")


def test_a_shard_that_holds_nothing_is_refused_at_the_command_line(tmp_path: Path, graph: Path) -> None:
    arguments = f"calibrate --in-graph={graph} --log={tmp_path / 'log'} --dataset=d --start=3 --stop=3"
    assert isinstance(CliRunner().invoke(cli, arguments.split()).exception, DataError)
