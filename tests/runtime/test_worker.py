"""The process that takes what may kill one."""

import os
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


@pytest.mark.usefixtures("fresh")
def test_takes_call_after_call_in_the_callers_surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = worker.start()
    monkeypatch.setenv("TOLD", "later")
    monkeypatch.chdir(tmp_path)
    worker.call("calls:tell", "answer.txt")
    assert (tmp_path / "answer.txt").read_text().splitlines() == ["later", str(tmp_path), "1"]
    with pytest.raises(CalibrationError, match=r"^so it is$"):
        worker.call("calls:fail", "so it is")
    assert worker.start() is first
    with pytest.raises(worker.WorkerDiedError, match="was killed by SIGABRT: last words"):
        worker.call("calls:die", "last words")
    worker.call("calls:tell", "again.txt")  # by a new process
    assert worker.start() is not first
    with pytest.raises(worker.WorkerDiedError, match=r"out of memory, or not done within 0\.5 s"):
        worker.call("calls:sleep", "", timeout=0.5)
    assert os.environ.get("TF_NUM_INTRAOP_THREADS") is None
