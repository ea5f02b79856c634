"""Several tasks at a time, each in a fork of this process.

Only a process that has not run TensorFlow can be forked into ones that do: a call of a worker (see worker.py) is such.
A task whose process dies, or whose store fails, is begun again: tasks must write their results whole or not at all.
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO

from octavo import errors
from octavo.errors import OctavoError, StorageError

ATTEMPTS = 3
"""How often a task is begun, at most."""

PAUSE_SECONDS = 0.5
"""Before a task is begun for the second time; each further pause is twice as long."""

Task = Callable[[], None]


class TaskDiedError(OctavoError):
    """A task's process ended without a word each time."""


def _unnamed_file() -> IO[str]:
    return tempfile.TemporaryFile("w+")


@dataclass
class _Run:
    """A task that is in hand."""

    number: int
    attempt: int = 1
    not_before: float = 0.0
    told: IO[str] = field(default_factory=_unnamed_file)


def run_forked(tasks: Sequence[Task], *, at_once: int, attempts: int = ATTEMPTS) -> dict[int, OctavoError]:
    """Run tasks in processes of their own.

    Args:
        tasks: what to do; each must not depend on another.
        at_once: processes at a time.
        attempts: how often a task is begun, at most. One that raises an OctavoError other than StorageError is not
            begun again: it would raise it again.

    Returns:
        Number of a task -> why it could not be done; empty where all were.
    """
    waiting = deque(_Run(number) for number in range(len(tasks)))
    running: dict[int, _Run] = {}
    failed: dict[int, OctavoError] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                run = waiting.popleft()
                time.sleep(max(0.0, run.not_before - time.monotonic()))
                running[_forked(tasks[run.number], run)] = run
            process, status = os.waitpid(-1, 0)
            run = running.pop(process)
            if status == 0:
                continue
            fault = _fault(run, os.waitstatus_to_exitcode(status))
            if run.attempt < attempts and isinstance(fault, TaskDiedError | StorageError):
                pause = PAUSE_SECONDS * 2 ** (run.attempt - 1)
                waiting.append(_Run(run.number, run.attempt + 1, time.monotonic() + pause))
            else:
                failed[run.number] = fault
    finally:
        for process in running:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
    return failed


def _forked(task: Task, run: _Run) -> int:
    child = os.fork()
    if child == 0:
        _do_and_exit(task, run.told)
    return child


def _do_and_exit(task: Task, told: IO[str]) -> None:
    status = 1
    try:
        task()
        status = 0
    except OctavoError as fault:
        kind = next(kind.__name__ for kind in type(fault).__mro__ if kind.__module__ == errors.__name__)
        told.write(json.dumps([kind, str(fault)]))
        told.flush()
    finally:
        if status and not told.tell():
            traceback.print_exc()
        os._exit(status)


def _fault(run: _Run, status: int) -> OctavoError:
    run.told.seek(0)
    text = run.told.read()
    if text:
        kind, message = json.loads(text)
        fault: OctavoError = getattr(errors, kind)(message)
        return fault
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    return TaskDiedError(f"its process {how}, at the attempt {run.attempt}")
