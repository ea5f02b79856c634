"""Processes end with the one that started them: real ones, real signals, at several moments.

A module `tensorflow` that is empty stands in for the real one, which has no part in this and takes seconds to import.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from marked import Program, children, parent, python, reached
from octavo.runtime.supervisor import GRACE_SECONDS

COMMAND = """
import os, signal, sys
from octavo.errors import OctavoError
from octavo.runtime import worker
from octavo.runtime.supervisor import supervise

{supervise}
{first}
try:
    worker.call("calls:hold", sys.argv[1])
except OctavoError as fault:
    sys.exit(f"error: {{fault}}")
"""

FORKED, SPAWNED = "", "import tensorflow"
STATUSES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGHUP: 129}


@dataclass
class Held:
    """A program whose worker's call waits in two tasks, and its processes from the top."""

    program: Program
    supervisor: int
    command: int
    worker: int
    call: int
    tasks: tuple[int, int]


Start = Callable[..., Program]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a script; what is left of it when the test ends is killed."""
    started: list[Program] = []

    def begin(script: str, *words: object, before: tuple[object, ...] = ()) -> Program:
        folder = tmp_path / str(len(started))
        (folder / "modules" / "tensorflow").mkdir(parents=True)
        (folder / "modules" / "tensorflow" / "__init__.py").touch()
        path = [str(folder / "modules"), str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]
        command = [*before, *python("-P", "-c", script, *words)]
        program = Program(command, folder, {"PYTHONPATH": os.pathsep.join(filter(None, path))})
        started.append(program)
        return program

    yield begin
    for program in started:
        for process in program.processes():
            os.kill(process, signal.SIGKILL)
        program.process.communicate()


@pytest.fixture
def held(start: Start, tmp_path: Path) -> Callable[..., Held]:
    """Start a command, and wait until its call's tasks are at work."""

    def hold(first: str = FORKED, supervise: str = "supervise()") -> Held:
        program = start(COMMAND.format(first=first, supervise=supervise), tmp_path)
        assert reached(lambda: len(list(tmp_path.glob("*.task"))) == 2)
        one, other = sorted(int(path.stem) for path in tmp_path.glob("*.task"))
        call = parent(one)
        worker = parent(call)
        command = parent(worker)
        return Held(program, parent(command), command, worker, call, (one, other))

    return hold


@pytest.mark.parametrize("first", [FORKED, SPAWNED], ids=["forked_worker", "spawned_worker"])
@pytest.mark.parametrize(("number", "status"), STATUSES.items(), ids=[each.name for each in STATUSES])
def test_a_command_that_is_asked_to_end_takes_every_process_and_temporary_file_with_it(
    held: Callable[..., Held], first: str, number: signal.Signals, status: int
) -> None:
    found = held(first)
    assert found.supervisor == found.program.process.pid
    begin = time.monotonic()
    os.kill(found.supervisor, number)

    assert found.program.end() == (status, "", f"octavo: stopped by {number.name}\n")
    assert found.program.processes() == set()
    assert found.program.left() == []
    assert time.monotonic() - begin < GRACE_SECONDS, "it was not killed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_every_process_at_once_is_told_like_one_to_the_command(
    held: Callable[..., Held], number: signal.Signals
) -> None:
    found = held()
    os.killpg(found.supervisor, number)

    status, out, err = found.program.end()
    assert (status, out) == (STATUSES[number], "")
    assert err.splitlines()[-1] == f"octavo: stopped by {number.name}"
    assert "Traceback" not in err
    assert found.program.processes() == set()
    assert found.program.left() == []


@pytest.mark.parametrize("first", [FORKED, SPAWNED], ids=["forked_worker", "spawned_worker"])
def test_nothing_outlives_a_command_that_is_killed(held: Callable[..., Held], first: str) -> None:
    found = held(first)
    os.kill(found.supervisor, signal.SIGKILL)

    assert found.program.gone()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_program_without_a_supervisor_takes_its_worker_and_the_calls_temporary_files_with_it(
    held: Callable[..., Held], number: signal.Signals
) -> None:
    found = held("", supervise="signal.signal(signal.SIGCHLD, signal.SIG_IGN)")
    assert found.command == found.program.process.pid
    os.kill(found.command, number)

    assert found.program.gone()
    assert found.program.left() == []


UNBOUND = """
import time
from octavo.runtime import lifetime
lifetime._prctl = lambda *_: False
if lifetime.fork() == 0:
    lifetime.fork()
time.sleep(60)
"""


def test_where_the_kernel_does_not_see_to_it_forks_end_behind_their_parent_all_the_same(start: Start) -> None:
    program = start(UNBOUND)
    assert reached(lambda: len(program.processes()) == 3)
    time.sleep(0.1)  # each looks for its parent for the first time
    program.process.kill()

    assert program.gone()


MIDDLE: Mapping[str, tuple[int, str]] = {
    "command": (137, "octavo: error: the process was killed by SIGKILL, most likely because memory ran out\n"),
    "worker": (1, "error: the worker process was killed by SIGKILL, most likely because memory ran out\n"),
    "call": (
        1,
        "error: the process was killed by SIGKILL, most likely because memory ran out: it said nothing\n",
    ),
}


@pytest.mark.parametrize("first", [FORKED, SPAWNED], ids=["forked_worker", "spawned_worker"])
@pytest.mark.parametrize(("name", "ending"), MIDDLE.items(), ids=MIDDLE)
def test_a_process_in_the_middle_that_is_killed_is_named_and_those_below_it_end(
    held: Callable[..., Held], first: str, name: str, ending: tuple[int, str]
) -> None:
    found = held(first)
    os.kill(getattr(found, name), signal.SIGKILL)
    status, out, err = found.program.end()

    assert (status, err) == ending
    assert out == ""
    assert found.program.gone()
    assert found.program.left() == []


def test_nothing_outlives_a_command_that_is_killed_while_it_starts(start: Start, tmp_path: Path) -> None:
    programs = []
    for delay in (0.02, 0.05, 0.08, 0.11, 0.14, 0.17, 0.2, 0.25):
        program = start(COMMAND.format(first=SPAWNED, supervise="supervise()"), tmp_path)
        time.sleep(delay)
        program.process.kill()
        programs.append(program)

    assert all(program.gone() for program in programs)


def test_a_command_asked_to_end_while_it_starts_says_one_line_at_most(start: Start, tmp_path: Path) -> None:
    for delay in (0.05, 0.1, 0.15, 0.2, 0.25, 0.3):
        program = start(COMMAND.format(first=SPAWNED, supervise="supervise()"), tmp_path)
        time.sleep(delay)
        program.process.terminate()
        status, _, err = program.end()

        if status != -signal.SIGTERM:  # Python itself had hardly begun
            assert (status, err) == (143, "octavo: stopped by SIGTERM\n")
        assert program.processes() == set()
        assert program.left() == []


ENDS = """
import os, signal, sys, time
from octavo.runtime.supervisor import supervise
supervise(grace={grace})
{then}
"""


BROKEN_OFF = """
class Broken:
    def __del__(self):
        raise ValueError
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(9)
except SystemExit as stop:
    Broken()
    raise ImportError from stop
"""


@pytest.mark.parametrize(
    ("then", "ending"),
    [
        ("print('done')", (0, "done\n", "")),
        ("sys.exit(2)", (2, "", "")),
        ("os.abort()", (134, "", "octavo: error: the process was killed by SIGABRT\n")),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)", (143, "", "octavo: stopped by SIGTERM\n")),
        (BROKEN_OFF, (143, "", "octavo: stopped by SIGTERM\n")),
    ],
    ids=["well", "badly", "killed", "stopped_itself", "stopped_in_an_import"],
)
def test_a_command_that_ends_by_itself_leaves_its_own_status(
    start: Start, then: str, ending: tuple[int, str, str]
) -> None:
    program = start(ENDS.format(grace=1, then=then))
    assert program.end() == ending
    assert program.left() == []


def test_what_a_command_leaves_in_its_temporary_folder_on_purpose_stays(start: Start) -> None:
    then = "import tempfile; open(tempfile.gettempdir() + '/kept', 'w').close(); sys.exit(2)"
    program = start(ENDS.format(grace=1, then=then))
    assert program.end()[0] == 2
    assert [path.name for path in program.temporary.glob("octavo-*/*")] == ["kept"]


DEAF = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"


@pytest.mark.parametrize("grace", [0, 1])
def test_a_command_that_does_not_heed_a_signal_is_killed_after_a_while(start: Start, grace: int) -> None:
    program = start(ENDS.format(grace=grace, then=DEAF))
    assert program.process.stdout is not None
    program.process.stdout.readline()
    begin = time.monotonic()
    program.process.terminate()

    assert program.end() == (143, "", "octavo: stopped by SIGTERM\n")
    assert grace <= time.monotonic() - begin < GRACE_SECONDS


def test_a_command_that_nohup_starts_outlives_its_terminal(start: Start) -> None:
    then = "print('here', flush=True); time.sleep(0.5); print('still here')"
    program = start(ENDS.format(grace=1, then=then), before=("nohup",))
    assert program.process.stdout is not None
    program.process.stdout.readline()
    os.killpg(program.process.pid, signal.SIGHUP)

    status, out, _ = program.end()
    assert (status, out) == (0, "still here\n")


ORPHANED = """
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(0.3)  # its parent has ended
    os._exit(0)
print(os.getppid(), flush=True)
time.sleep(60)
"""


def test_what_lost_its_parent_is_let_go_of_when_it_ends(start: Start) -> None:
    program = start(ENDS.format(grace=1, then=ORPHANED))
    supervisor = program.process.pid
    assert program.process.stdout is not None
    assert program.process.stdout.readline() == f"{supervisor}\n"

    assert reached(lambda: len(children(supervisor)) == 2), "the orphan has come to the supervisor"
    assert reached(lambda: len(children(supervisor)) == 1), "and has gone"
    program.process.terminate()
    assert program.end()[0] == 143


ENTRYPOINT = Path(__file__).parents[2] / "images" / "octavo" / "entrypoint.sh"
UNSHARE = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")


def namespaces() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run([*UNSHARE, "true"], check=False).returncode == 0


@pytest.mark.skipif(not namespaces(), reason="namespaces of processes are not allowed here")
def test_the_first_process_of_a_container_heeds_the_signal_that_ends_it(start: Start) -> None:
    script = ENDS.format(grace=1, then="print(os.getppid(), flush=True); time.sleep(60)")
    program = start(script, before=(*UNSHARE, "sh", ENTRYPOINT))
    assert program.process.stdout is not None
    assert program.process.stdout.readline() == "1\n"
    (first,) = [each for each in program.processes() if parent(each) == program.process.pid]
    os.kill(first, signal.SIGTERM)

    assert program.end()[0] == 143
    assert program.gone()
