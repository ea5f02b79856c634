"""Several tasks at a time, each in a fork of this process.

Only a process that has not run TensorFlow can be forked into ones that do: a call of a worker (see serve.py) is such.
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
from dataclasses import dataclass
from typing import IO

from octavo import errors
from octavo.errors import OctavoError, StorageError
from octavo.runtime.lifetime import fork, how_ended

ATTEMPTS = 3
"""How often a task is begun, at most."""

PAUSE_SECONDS = 0.5
"""Before a task is begun for the second time; each further pause is twice as long."""

Task = Callable[[], None]


class TaskDiedError(OctavoError):
    """A task's process ended without a word each time."""


@dataclass(frozen=True, slots=True)
class _Run:
    """A task that is to be done, or in hand."""

    number: int
    attempt: int = 1
    not_before: float = 0.0


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
    running: dict[int, tuple[_Run, IO[str]]] = {}
    failed: dict[int, OctavoError] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                run = waiting.popleft()
                time.sleep(max(0.0, run.not_before - time.monotonic()))
                word = tempfile.TemporaryFile("w+")  # noqa: SIM115  open as long as the task is in hand
                running[_forked(tasks[run.number], word)] = run, word
            process, status = os.waitpid(-1, 0)
            run, told = running.pop(process)
            with told:
                fault = _fault(told, run, os.waitstatus_to_exitcode(status)) if status else None
            if fault is None:
                continue
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


def _forked(task: Task, told: IO[str]) -> int:
    child = fork()
    if child == 0:
        _do_and_exit(task, told)
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


def _fault(told: IO[str], run: _Run, status: int) -> OctavoError:
    told.seek(0)
    text = told.read()
    if text and status > 0:
        kind, message = json.loads(text)
        fault: OctavoError = getattr(errors, kind)(message)
        return fault
    return TaskDiedError(f"its process {how_ended(status)}, at the attempt {run.attempt}")
