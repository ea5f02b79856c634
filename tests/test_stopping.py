"""Commands that are stopped in the middle of their work, in a folder whose modules have the names of others."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from images import write_arrays
from logged import logged_graph
from marked import Program, reached
from octavo.graph import save_graph

OCTAVO = Path(sys.executable).with_name("octavo")

TRAP = "import os\nos.write(2, b'this module is not for octavo\\n')\nos._exit(3)\n"

HELD = """
import os
import tempfile
import time
from pathlib import Path

def hold(example):
    tempfile.mkdtemp()
    Path(f"{os.getpid()}.held").touch()
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a module `held`, whose function never returns, and some that nobody may import."""
    found = tmp_path / "current"
    found.mkdir()
    (found / "held.py").write_text(HELD)
    for name in ("json", "numpy", "tensorflow", "octavo"):
        (found / f"{name}.py").write_text(TRAP)
    return found


@pytest.fixture
def calibrating(folder: Path, tmp_path: Path) -> Iterator[Program]:
    """`octavo calibrate`, whose two processes are at a part of the shard each."""
    save_graph(logged_graph(), tmp_path / "logged.pb")
    data = write_arrays(tmp_path / "d.npz", x=np.zeros((8, 6, 6, 3), np.uint8))
    flags = [f"--in-graph={tmp_path / 'logged.pb'}", f"--log={tmp_path / 'log'}", f"--dataset={data}"]
    held = ["--preprocessing={function: 'held:hold'}", "--workers=2", "--batch-size=2"]
    program = Program([OCTAVO, "calibrate", *flags, *held], tmp_path, {}, cwd=folder)
    assert reached(lambda: program.process.poll() is not None or len(list(folder.glob("*.held"))) == 2)
    assert program.process.poll() is None, program.end()
    yield program
    for process in program.processes():
        os.kill(process, signal.SIGKILL)
    program.process.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_calibration_leaves_no_process_no_temporary_file_and_no_log(
    calibrating: Program, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    assert len(calibrating.processes()) == 6, "the supervisor, the command, its worker, the call, two tasks"
    os.killpg(calibrating.process.pid, number)

    assert calibrating.end() == (status, "", f"octavo: stopped by {number.name}\n")
    assert calibrating.processes() == set()
    assert calibrating.left() == []
    assert list(tmp_path.glob("*log*")) == [tmp_path / "logged.pb"]


def test_nothing_outlives_a_killed_calibration(calibrating: Program) -> None:
    calibrating.process.kill()

    assert calibrating.gone()
