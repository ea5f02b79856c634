"""Programs in the background."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from cluster.home import Home
from cluster.processes import Daemon, NoClusterError, run, wait_for

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_a_program_is_started_once_found_again_and_ended(place: Home) -> None:
    daemon = Daemon("sleeper", ("/bin/sleep", "600"))
    daemon.start(place)
    first = daemon.pid(place)
    daemon.start(place)

    assert first is not None
    assert daemon.pid(place) == first
    assert os.getsid(first) == first, "it is not in the session of the command that started it"
    daemon.stop(place)
    assert daemon.pid(place) is None


def test_another_program_with_its_process_id_is_let_alone(place: Home) -> None:
    place.make("pids")
    (place.path / "pids" / "sleeper").write_text(f"{os.getpid()}\n")
    daemon = Daemon("sleeper", ("/bin/sleep", "600"))

    assert daemon.pid(place) is None
    daemon.signal(place, signal.SIGKILL)
    daemon.stop(place)


def test_one_that_does_not_end_is_ended_by_force(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cluster.processes.STOP_SECONDS", 1.0)
    daemon = Daemon("stubborn", (sys.executable, "-c", STUBBORN))
    daemon.start(place)
    wait_for("its first word", 10, lambda: (place.path / "logs" / "stubborn.log").read_text() == "up\n")
    daemon.stop(place)

    assert daemon.pid(place) is None


def test_what_does_not_come_is_named_with_how_long_it_was_waited_for() -> None:
    with pytest.raises(NoClusterError, match=r"^a ready node is not there after 0 s"):
        wait_for("a ready node", 0.1, lambda: False)


def test_a_command_that_fails_says_its_last_words(place: Home) -> None:
    with pytest.raises(NoClusterError, match=r"^sh -c echo no >&2; exit 3 ended with 3:\nno$"):
        run("sh", "-c", "echo no >&2; exit 3", home=place)
