"""Processes of their own for what may kill one, and for sums that must not depend on the machine's cores.

A worker is a process that has imported TensorFlow but never run it, see serve.py. Where this process has not run
TensorFlow either, the worker itself is a fork of it, and TensorFlow is imported once for both.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

from octavo import errors
from octavo.errors import EnvironmentFault, OctavoError
from octavo.runtime.lifetime import WAITING_SECONDS, fork, how_ended
from octavo.runtime.serve import Answer, Call, WorkerDiedError, serve_and_exit
from octavo.tensorflow import import_tensorflow

__all__ = ["WorkerDiedError", "call", "prepare", "start", "stop"]

TIMEOUT_SECONDS = 3600.0

IMPORT_SECONDS = 600.0
"""How long a worker may take to import what a call needs, besides the call."""

CLOSING_SECONDS = 5.0
"""How long a worker may take to end when its caller lets it."""

SPAWNED = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from octavo.runtime.serve import main; main()"
"""A worker that is no fork: it finds the modules that its caller finds, and none besides."""


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
        serve_and_exit(theirs)
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
