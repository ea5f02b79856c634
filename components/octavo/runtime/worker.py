"""Processes of their own for what may kill one, and for sums that must not depend on the machine's cores.

A worker is a process that has imported TensorFlow but never run it. For each call it forks a child, which runs the call
and ends: so a call that aborts takes nothing with it, gives back all its memory, and pays for no import. Where this
process has not run TensorFlow either, the worker itself is a fork of it, and TensorFlow is imported once for both.

Ops run on one thread each there: some of TensorFlow's sums (a MatMul of one row) come out differently on another number
of threads, which is fixed for a process when it first runs TensorFlow.

A worker ends when its caller does: it hears the end of the pipe between them, also while a call is in hand, kills that
and clears up behind it. The call's process dies with the worker, see lifetime.py.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

from octavo import errors
from octavo.errors import EnvironmentFault, GraphError, OctavoError
from octavo.runtime.lifetime import WAITING_SECONDS, adopt_orphans, fork, how_ended, reap
from octavo.runtime.tensorflow import import_tensorflow

TIMEOUT_SECONDS = 3600.0

IMPORT_SECONDS = 600.0
"""How long a worker may take to import what a call needs, besides the call."""

CLOSING_SECONDS = 5.0
"""How long a worker may take to end when its caller lets it."""

LINGERING_SECONDS = 2.0
"""How long a dead call's own processes may take to die behind it."""

ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1"}

SPAWNED = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from octavo.runtime.worker import main; main()"
"""A worker that is no fork: it finds the modules that its caller finds, and none besides."""


class WorkerDiedError(GraphError):
    """The process ended, or was ended, while it worked."""


class Call(NamedTuple):
    """What a worker is to do, in the caller's environment and folder, within some seconds.

    What it leaves in the folder `temporary`, whoever makes that clears away.
    """

    function: str
    argument: str
    environment: dict[str, str]
    folder: str
    temporary: str
    timeout: float
    one_thread: bool


class Answer(NamedTuple):
    """How a call ended: the class of the OctavoError that it raised, None where it raised none, and the message."""

    kind: str | None
    message: str


class Worker:
    """A process that runs functions of octavo by name.

    Args:
        link: calls go there, one at a time, and their answers come back.
        process: its id.
    """

    def __init__(self, link: Connection, process: int) -> None:
        self._link = link
        self._process = process

    def answer(self, call: Call) -> Answer:
        """The answer to a call. Raises EOFError or OSError when the process has gone, or does not answer in time."""
        self._link.send_bytes(json.dumps(call).encode())
        if not self._link.poll(call.timeout + IMPORT_SECONDS):
            raise TimeoutError
        return Answer(*json.loads(self._link.recv_bytes()))

    def close(self) -> str:
        """Let the process end; returns how it did."""
        self._link.close()
        try:
            return self._end()
        except ChildProcessError:  # somebody else has waited for it
            return "has gone"

    def forget(self) -> None:
        """Leave the process to the one that this process is a fork of."""
        self._link.close()

    def _end(self) -> str:
        end = time.monotonic() + CLOSING_SECONDS
        while time.monotonic() < end:
            ended, status = os.waitpid(self._process, os.WNOHANG)
            if ended:
                return how_ended(os.waitstatus_to_exitcode(status))
            time.sleep(WAITING_SECONDS)
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        return f"did not end within {CLOSING_SECONDS:g} s and was stopped"


class _Own:
    """This process's worker, and who may use it."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.worker: Worker | None = None

    def started(self) -> Worker:
        if self.worker is None:
            self.worker = _forked() if _may_fork() else _spawned()
        return self.worker

    def close(self) -> str:
        worker, self.worker = self.worker, None
        return worker.close() if worker else ""

    def forget(self) -> None:
        """In a fork of this process: the worker, and who holds the lock, are the parent's."""
        self.lock = threading.RLock()
        if self.worker:
            self.worker.forget()
        self.worker = None


_OWN = _Own()


def start() -> None:
    """Start this process's worker when there is none; the earlier, the cheaper.

    Raises:
        EnvironmentFault: when the system cannot start a process, or TensorFlow is not installed.
    """
    with _OWN.lock, _said("a process cannot be started"):
        _OWN.started()


def prepare() -> None:
    """Fork a worker while that is possible; where it is not, one is started when it is called.

    To be called before work that runs TensorFlow in this process and may call the worker later.
    """
    if _may_fork():
        start()


def stop() -> None:
    """End this process's worker, if there is one."""
    _OWN.close()


def call(function: str, argument: str, *, timeout: float = TIMEOUT_SECONDS, one_thread: bool = True) -> None:
    """Run `function` ("octavo.module:name") with one text argument in this process's worker.

    Other threads wait until it has ended. What it leaves in its folder for temporary files goes.

    Args:
        function: what to run.
        argument: what it gets.
        timeout: seconds after which it is killed.
        one_thread: whether each op runs on one thread; False leaves that to TensorFlow, for what is timed.

    Raises:
        WorkerDiedError: when its process dies, or does not end within `timeout` seconds and is killed.
        EnvironmentFault: when the system gives it no process, or no folder for temporary files.
        OctavoError: what the function raised.
    """
    with _OWN.lock, _temporary_folder() as temporary:
        start()
        call = Call(function, argument, dict(os.environ), str(Path.cwd()), temporary, timeout, one_thread)
        answer = _answer_of(call)
    if answer.kind == WorkerDiedError.__name__:
        raise WorkerDiedError(answer.message)
    if answer.kind is not None:
        fault: OctavoError = getattr(errors, answer.kind)(answer.message)
        raise fault


atexit.register(stop)
os.register_at_fork(after_in_child=_OWN.forget)


@contextlib.contextmanager
def _said(what: str) -> Iterator[None]:
    """Say what the system refuses."""
    try:
        yield
    except OSError as fault:
        raise EnvironmentFault(f"{what}: {fault.strerror or fault}") from fault


@contextlib.contextmanager
def _temporary_folder() -> Iterator[str]:
    with _said("no folder for temporary files can be made; free some space there, or name another in TMPDIR"):
        made = tempfile.TemporaryDirectory(prefix="octavo-call-", ignore_cleanup_errors=True)
    with made as folder:
        yield folder


def _answer_of(call: Call) -> Answer:
    """What the worker answers. It is ended where it does not: what it may say later is no answer to the next call."""
    try:
        return _OWN.started().answer(call)
    except TimeoutError as fault:
        _OWN.close()
        raise WorkerDiedError(f"the worker process did not answer within {call.timeout:g} s") from fault
    except (EOFError, OSError) as fault:
        raise WorkerDiedError(f"the worker process {_OWN.close()}") from fault
    except BaseException:
        _OWN.close()
        raise


def _may_fork() -> bool:
    """Whether TensorFlow has not run here, as far as one can know: only then can a fork of this process run it."""
    return "tensorflow" not in sys.modules and threading.active_count() == 1


def _forked() -> Worker:
    import_tensorflow()
    ours, theirs = Pipe()
    process = fork(bound=False)  # it hears the end of the pipe, and clears up
    if process == 0:
        ours.close()
        _serve_and_exit(theirs)
    theirs.close()
    return Worker(ours, process)


def _spawned() -> Worker:
    ours, theirs = Pipe()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", SPAWNED, json.dumps(sys.path), str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    process.returncode = 0  # it is not this object that waits for it
    theirs.close()
    return Worker(ours, process.pid)


def main() -> None:
    """Be the worker at the other end of the pipe whose number the command line ends with."""
    with contextlib.suppress(OctavoError):  # the first call finds out, and has somebody to tell
        import_tensorflow()
    _serve(Connection(int(sys.argv[-1])))


def _serve_and_exit(caller: Connection) -> None:
    status = 1
    try:
        _serve(caller)
        status = 0
    finally:
        os._exit(status)


def _serve(caller: Connection) -> None:
    """Answer calls as long as there is a caller."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller's to handle
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where a caller ignores it, nobody could wait for a child
    adopt_orphans()
    with caller, contextlib.suppress(EOFError, ConnectionError):
        while True:
            call = Call(*json.loads(caller.recv_bytes()))
            _import_once(call.function)
            caller.send_bytes(json.dumps(_answered(call, caller)).encode())


def _import_once(function: str) -> None:
    """Import what a function of octavo needs here, so that its child and all later ones find it imported."""
    if function.startswith("octavo."):
        with contextlib.suppress(Exception):  # the child fails in the same way, and is heard
            importlib.import_module(function.partition(":")[0])


def _answered(call: Call, caller: Connection) -> Answer:
    try:
        return _in_child(call, caller)
    except OSError as fault:
        return Answer(EnvironmentFault.__name__, f"a process cannot be started: {fault.strerror}")


def _in_child(call: Call, caller: Connection) -> Answer:
    """Run a call in a fork of this process. What it prints is kept, and told when it dies.

    Raises:
        EOFError: when the caller goes meanwhile; then the call is killed, and its temporary files go.
    """
    answers, answering = Pipe(duplex=False)
    with answers, tempfile.TemporaryFile(dir=call.temporary) as said:
        child = fork()
        if child == 0:
            caller.close()
            answers.close()
            os.register_at_fork(after_in_child=answering.close)  # its end is the call's, not that of the call's own
            _run_and_exit(call, said.fileno(), answering)
        answering.close()
        ready = wait([answers, caller], call.timeout)
        if answers not in ready:
            os.kill(child, signal.SIGKILL)
        text = _heard(answers)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        reap(0.0 if text else LINGERING_SECONDS)
        if caller in ready:
            shutil.rmtree(call.temporary, ignore_errors=True)
            raise EOFError
        if text:
            return Answer(*json.loads(text))
        said.seek(0)
        how = how_ended(status) if ready else f"was not done within {call.timeout:g} s and was stopped"
        return Answer(WorkerDiedError.__name__, f"the process {how}: {_last_words(said.read())}")


def _heard(answers: Connection) -> bytes:
    """What a child says before it ends; empty where it says nothing."""
    try:
        return answers.recv_bytes()
    except EOFError:
        return b""


def _run_and_exit(call: Call, said: int, answering: Connection) -> None:
    status = 1
    try:
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        answering.send_bytes(json.dumps(_answer(call)).encode())
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


def _answer(call: Call) -> Answer:
    os.environ.clear()
    os.environ.update(call.environment | (ONE_THREAD if call.one_thread else {}) | {"TMPDIR": call.temporary})
    tempfile.tempdir = call.temporary
    os.chdir(call.folder)
    sys.path[:0] = [path for path in call.environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    module, _, name = call.function.partition(":")
    try:
        getattr(importlib.import_module(module), name)(call.argument)
    except OctavoError as fault:
        return Answer(_kind(fault), str(fault))
    return Answer(None, "")


def _kind(fault: OctavoError) -> str:
    """The nearest class of the error tree."""
    return next(kind.__name__ for kind in type(fault).__mro__ if kind.__module__ == errors.__name__)


def _last_words(said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
