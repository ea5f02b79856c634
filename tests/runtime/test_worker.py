"""The process that takes what may kill one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.errors import CalibrationError
from octavo.runtime import worker


@pytest.fixture(autouse=True)
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


@pytest.fixture
def fresh() -> Iterator[None]:
    """No worker before or after the test."""
    worker.stop()
    yield
    worker.stop()


BY_FORK = """
import os, sys
from octavo.runtime import worker
from octavo.errors import CalibrationError

worker.start()
assert "tensorflow" in sys.modules, "the worker is a fork that shares the import"
worker.call("calls:multiply", "answer.txt")
print(open("answer.txt").read())
try:
    worker.call("calls:die", "last words")
except worker.WorkerDiedError as fault:
    print(fault)
"""


@pytest.mark.usefixtures("fresh")
def test_takes_call_after_call_in_the_callers_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.start()
    monkeypatch.setenv("TOLD", "later")
    monkeypatch.chdir(tmp_path)
    worker.call("calls:tell", "answer.txt")
    assert (tmp_path / "answer.txt").read_text().splitlines() == ["later", str(tmp_path), "1"]
    with pytest.raises(CalibrationError, match=r"^so it is$"):
        worker.call("calls:fail", "so it is")
    with pytest.raises(worker.WorkerDiedError, match="was killed by SIGABRT: last words"):
        worker.call("calls:die", "last words")
    with pytest.raises(worker.WorkerDiedError, match="ended with status 1: ZeroDivisionError"):
        worker.call("calls:stumble", "")
    with pytest.raises(worker.WorkerDiedError, match=r"out of memory, or not done within 0\.5 s"):
        worker.call("calls:sleep", "", timeout=0.5)
    worker.call("calls:tell", "again.txt")
    assert (tmp_path / "again.txt").exists()
    assert os.environ.get("TF_NUM_INTRAOP_THREADS") is None


def test_a_process_that_has_not_run_tensorflow_forks_its_worker(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", BY_FORK], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["6.0", "the process was killed by SIGABRT: last words"]
