"""The process that takes what may kill one."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.errors import CalibrationError, EnvironmentFault
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
    with pytest.raises(worker.WorkerDiedError, match=r"was not done within 0\.5 s and was stopped: it said"):
        worker.call("calls:sleep", "", timeout=0.5)
    worker.call("calls:tell", "again.txt")
    assert (tmp_path / "again.txt").exists()
    assert os.environ.get("TF_NUM_INTRAOP_THREADS") is None


def test_a_process_that_has_not_run_tensorflow_forks_its_worker(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", BY_FORK], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["6.0", "the process was killed by SIGABRT: last words"]


@pytest.fixture
def quick(fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that are spawned, and import an empty module in TensorFlow's place, which takes seconds."""
    del fresh
    (tmp_path / "modules" / "tensorflow").mkdir(parents=True)
    (tmp_path / "modules" / "tensorflow" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.setattr(worker, "_may_fork", lambda: False)


@pytest.mark.usefixtures("quick")
def test_the_answers_of_two_threads_calls_are_not_mixed() -> None:
    faults: dict[int, str] = {}

    def ask(number: int) -> None:
        try:
            worker.call("calls:fail", f"the call {number}")
        except CalibrationError as fault:
            faults[number] = str(fault)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == {number: f"the call {number}" for number in range(8)}
    assert worker._OWN.worker is not None
    process = worker._OWN.worker._process
    worker.stop()
    assert not Path(f"/proc/{process}").exists(), "not even as one that has ended"


@pytest.mark.usefixtures("quick")
def test_a_worker_that_dies_between_two_calls_is_named_and_the_next_call_has_another(tmp_path: Path) -> None:
    worker.start()
    assert worker._OWN.worker is not None
    os.kill(worker._OWN.worker._process, signal.SIGKILL)
    with pytest.raises(worker.WorkerDiedError, match=r"^the worker process was killed by SIGKILL, most likely because"):
        worker.call("calls:repeat", json.dumps(["one", 0, str(tmp_path / "one")]))
    worker.call("calls:repeat", json.dumps(["two", 0, str(tmp_path / "two")]))
    assert (tmp_path / "two").read_text() == "two"


@pytest.mark.usefixtures("quick")
def test_an_interrupted_calls_answer_is_not_taken_for_the_next_ones(tmp_path: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    worker.start()
    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        with pytest.raises(KeyboardInterrupt):
            worker.call("calls:repeat", json.dumps(["late", 1, str(tmp_path / "late")]))
    finally:
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(CalibrationError, match=r"^its own$"):
        worker.call("calls:fail", "its own")
    assert not (tmp_path / "late").exists(), "what was interrupted does not go on"


@pytest.mark.usefixtures("quick")
def test_a_killed_calls_temporary_files_go_and_lie_where_the_caller_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.start()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("tempfile.tempdir", None)
    with pytest.raises(worker.WorkerDiedError, match="most likely because memory ran out: it said nothing"):
        worker.call("calls:litter", str(tmp_path / "where"))
    made = Path((tmp_path / "where").read_text())
    assert made.is_relative_to(tmp_path / "temporary")
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_without_room_for_temporary_files_a_call_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/no/such/folder")
    with pytest.raises(EnvironmentFault, match=r"^no folder for temporary files can be made; .* TMPDIR: No such file"):
        worker.call("calls:fail", "not reached")


@pytest.mark.usefixtures("quick")
def test_a_call_holds_no_descriptor_of_another_process(tmp_path: Path) -> None:
    worker.call("calls:descriptors", str(tmp_path / "open"))
    held = json.loads((tmp_path / "open.call").read_text())
    assert [each.partition(":")[0] for each in held] == ["pipe"], "the one that it answers through"
    assert json.loads((tmp_path / "open.task").read_text()) == []


@pytest.mark.usefixtures("quick")
def test_a_fork_of_the_caller_does_not_use_its_worker(tmp_path: Path) -> None:
    worker.start()
    child = os.fork()
    if child == 0:
        os._exit(0 if worker._OWN.worker is None else 1)
    assert os.waitpid(child, 0)[1] == 0
    worker.call("calls:repeat", json.dumps(["still", 0, str(tmp_path / "there")]))


TRAP = "import os, sys; sys.stderr.write('the current folder is no place for modules'); os._exit(3)"


@pytest.mark.usefixtures("quick")
def test_a_spawned_worker_imports_nothing_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "numpy", "tensorflow", "octavo", "multiprocessing"):
        (tmp_path / f"{name}.py").write_text(TRAP)
    monkeypatch.chdir(tmp_path)
    worker.call("calls:repeat", json.dumps(["untouched", 0, "answer.txt"]))
    assert (tmp_path / "answer.txt").read_text() == "untouched"
