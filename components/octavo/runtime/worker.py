"""Processes of their own for what may kill one, and for sums that must not depend on the machine's cores.

A worker is a process that has imported TensorFlow but never run it. For each call it forks a child, which runs the call
and ends: so a call that aborts takes nothing with it, gives back all its memory, and pays for no import. Where this
process has not run TensorFlow either, the worker itself is a fork of it, and TensorFlow is imported once for both.

Ops run on one thread each there: some of TensorFlow's sums (a MatMul of one row) come out differently on another number
of threads, which is fixed for a process when it first runs TensorFlow.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path
from typing import IO, NamedTuple

from octavo import errors
from octavo.errors import GraphError, OctavoError
from octavo.runtime.tensorflow import import_tensorflow

TIMEOUT_SECONDS = 3600.0

ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1"}


class WorkerDiedError(GraphError):
    """The process ended, or was ended, while it worked."""


class Call(NamedTuple):
    """What a worker is to do, in the caller's environment and folder, within some seconds."""

    function: str
    argument: str
    environment: dict[str, str]
    folder: str
    timeout: float
    one_thread: bool


class Answer(NamedTuple):
    """How a call ended: the class of the OctavoError that it raised, None where it raised none, and the message."""

    kind: str | None
    message: str


class Worker:
    """A process that runs functions of octavo by name.

    Args:
        requests: where calls are written to, a line of JSON each.
        answers: where their answers come from, in turn.
    """

    def __init__(self, requests: IO[str], answers: IO[str]) -> None:
        self._requests = requests
        self._answers = answers

    def call(self, function: str, argument: str, *, timeout: float = TIMEOUT_SECONDS, one_thread: bool = True) -> None:
        """Run `function` ("octavo.module:name") with one text argument.

        Args:
            function: what to run.
            argument: what it gets.
            timeout: seconds after which it is killed.
            one_thread: whether each op runs on one thread; False leaves that to TensorFlow, for what is timed.

        Raises:
            WorkerDiedError: when its process dies, or does not end within `timeout` seconds and is killed.
            OctavoError: what the function raised.
        """
        call = Call(function, argument, dict(os.environ), str(Path.cwd()), timeout, one_thread)
        self._requests.write(json.dumps(call) + "\n")
        self._requests.flush()
        line = self._answers.readline()
        if not line:
            raise WorkerDiedError("the worker process has gone")
        answer = Answer(*json.loads(line))
        if answer.kind == WorkerDiedError.__name__:
            raise WorkerDiedError(answer.message)
        if answer.kind is not None:
            fault: OctavoError = getattr(errors, answer.kind)(answer.message)
            raise fault

    def close(self) -> None:
        """Let the process end."""
        self._requests.close()
        self._answers.close()


_WORKERS: list[Worker] = []


def start() -> None:
    """Start this process's worker when there is none; the earlier, the cheaper."""
    if not _WORKERS:
        _WORKERS.append(_forked() if _may_fork() else _spawned())


def prepare() -> None:
    """Fork a worker while that is possible; where it is not, one is started when it is called.

    To be called before work that runs TensorFlow in this process and may call the worker later.
    """
    if _may_fork():
        start()


def stop() -> None:
    """End this process's worker, if there is one."""
    while _WORKERS:
        _WORKERS.pop().close()


def call(function: str, argument: str, *, timeout: float = TIMEOUT_SECONDS, one_thread: bool = True) -> None:
    """Run a function in this process's worker, with the arguments of `Worker.call`, and raise as it does."""
    start()
    _WORKERS[0].call(function, argument, timeout=timeout, one_thread=one_thread)


atexit.register(stop)


def _may_fork() -> bool:
    """Whether TensorFlow has not run here, as far as one can know: only then can a fork of this process run it."""
    return "tensorflow" not in sys.modules and threading.active_count() == 1


def _forked() -> Worker:
    import_tensorflow()
    from_parent, requests = os.pipe()
    answers, to_parent = os.pipe()
    if os.fork() == 0:
        os.close(requests)
        os.close(answers)
        _serve_and_exit(from_parent, to_parent)
    os.close(from_parent)
    os.close(to_parent)
    return Worker(os.fdopen(requests, "w"), os.fdopen(answers))


def _spawned() -> Worker:
    process = subprocess.Popen(
        [sys.executable, "-m", "octavo.runtime.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.returncode = 0  # it ends with its input: nobody waits for it
    assert process.stdin is not None
    assert process.stdout is not None
    return Worker(process.stdin, process.stdout)


def _serve_and_exit(requests: int, answers: int) -> None:
    status = 1
    try:
        _serve(requests, answers)
        status = 0
    finally:
        os._exit(status)


def _serve(requests: int, answers: int) -> None:
    """Answer calls until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller's to handle
    with os.fdopen(requests) as lines, os.fdopen(answers, "w") as out:
        for line in lines:
            call = Call(*json.loads(line))
            _import_once(call.function)
            out.write(json.dumps(_in_child(call)) + "\n")
            out.flush()


def _import_once(function: str) -> None:
    """Import what a function of octavo needs here, so that its child and all later ones find it imported."""
    if function.startswith("octavo."):
        importlib.import_module(function.partition(":")[0])


def _in_child(call: Call) -> Answer:
    """Run a call in a fork of this process. What it prints is kept, and told when it dies."""
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile("w+") as told:
        child = os.fork()
        if child == 0:
            _run_and_exit(call, said.fileno(), told)
        timer = threading.Timer(call.timeout, os.kill, (child, signal.SIGKILL))
        timer.start()
        _, status = os.waitpid(child, 0)
        timer.cancel()
        timer.join()
        told.seek(0)
        text = told.read()
        if text:
            return Answer(*json.loads(text))
        said.seek(0)
        words = said.read().decode(errors="replace")
        return Answer(WorkerDiedError.__name__, _last_words(os.waitstatus_to_exitcode(status), words, call.timeout))


def _run_and_exit(call: Call, said: int, told: IO[str]) -> None:
    status = 1
    try:
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        told.write(json.dumps(_answer(call)))
        told.flush()
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


def _answer(call: Call) -> Answer:
    os.environ.clear()
    os.environ.update(call.environment | (ONE_THREAD if call.one_thread else {}))
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


def _last_words(status: int, text: str, timeout: float) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    last = lines[-1][:300] if lines else "it said nothing"
    if status == -signal.SIGKILL:
        return f"the process was killed: out of memory, or not done within {timeout:g} s"
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    return f"the process {how}: {last}"


if __name__ == "__main__":
    import_tensorflow()
    _serve(os.dup(0), os.dup(1))
