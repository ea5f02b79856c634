"""A process of its own for what may kill one, and for sums that must not depend on the machine's cores.

The process imports TensorFlow once and takes one call after the other. Its ops run on one thread each: some of
TensorFlow's sums (a MatMul of one row) come out differently on another number of threads, which is fixed for a process
when it first runs TensorFlow.
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
from pathlib import Path
from typing import NamedTuple

from octavo import errors
from octavo.errors import GraphError, OctavoError

TIMEOUT_SECONDS = 3600.0

ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1"}


class WorkerDiedError(GraphError):
    """The process ended, or was ended, while it worked."""


class Call(NamedTuple):
    """What a worker is to do, in the caller's environment and folder."""

    function: str
    argument: str
    environment: dict[str, str]
    folder: str


class Worker:
    """A process that runs functions of octavo by name."""

    def __init__(self) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "octavo.runtime.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=os.environ | ONE_THREAD,
            text=True,
        )

    @property
    def alive(self) -> bool:
        """Whether the process still takes calls."""
        return self._process.poll() is None

    def call(self, function: str, argument: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Run `function` ("octavo.module:name") with one text argument.

        Raises:
            WorkerDiedError: when the process dies, or does not end within `timeout` seconds and is killed.
            OctavoError: what the function raised.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        timer = threading.Timer(timeout, self._process.kill)
        timer.start()
        try:
            call = Call(function, argument, dict(os.environ), str(Path.cwd()))
            self._process.stdin.write(json.dumps(call) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            timer.cancel()
        if not answer:
            raise WorkerDiedError(self._last_words(timeout))
        kind, message = json.loads(answer)
        if kind is not None:
            fault: OctavoError = getattr(errors, kind)(message)
            raise fault

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._said.close()

    def _last_words(self, timeout: float) -> str:
        status = self._process.wait()
        self._said.seek(0)
        text = self._said.read().decode(errors="replace")
        lines = [line for line in text.splitlines() if line.strip()]
        last = lines[-1][:300] if lines else "it said nothing"
        if status == -signal.SIGKILL:
            return f"the process was killed: out of memory, or not done within {timeout:g} s"
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return f"the process {how}: {last}"


_WORKERS: list[Worker] = []


def start() -> Worker:
    """The worker of this process, started now when there is none: its import of TensorFlow then goes on meanwhile."""
    if not _WORKERS or not _WORKERS[0].alive:
        stop()
        _WORKERS.append(Worker())
    return _WORKERS[0]


def stop() -> None:
    """End this process's worker, if there is one."""
    while _WORKERS:
        _WORKERS.pop().close()


def call(function: str, argument: str, *, timeout: float = TIMEOUT_SECONDS) -> None:
    """Run a function in this process's worker. Raises as `Worker.call` does."""
    start().call(function, argument, timeout=timeout)


atexit.register(stop)


def _serve() -> None:
    """Answer calls until standard input ends. What the functions print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from octavo.runtime.tensorflow import import_tensorflow

    import_tensorflow()
    for line in sys.stdin:
        answers.write(json.dumps(_answer(Call(*json.loads(line)))) + "\n")
        answers.flush()


def _answer(call: Call) -> tuple[str | None, str]:
    """The class and message of the OctavoError that the call raised; None where it raised none."""
    os.environ.clear()
    os.environ.update(call.environment | ONE_THREAD)
    os.chdir(call.folder)
    module, _, name = call.function.partition(":")
    try:
        getattr(importlib.import_module(module), name)(call.argument)
    except OctavoError as fault:
        return _kind(fault), str(fault)
    return None, ""


def _kind(fault: OctavoError) -> str:
    """The nearest class of the error tree."""
    return next(kind.__name__ for kind in type(fault).__mro__ if kind.__module__ == errors.__name__)


if __name__ == "__main__":
    _serve()
