"""Run a compiled pipeline on this machine: each task a process of this Python, no cluster, no container."""

from __future__ import annotations

import builtins
import contextlib
import logging
import os
import re
import shlex
import shutil
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from octavo.errors import OctavoError
from octavo.pod import WIDTH
from octavo.progress import StepLines
from octavo.runtime import lifetime

STARTED = re.compile(r"Executing task '(?P<task>.+)'")
FINISHED = re.compile(r"Task '(?P<task>.+)' finished with status (?P<status>\w+)")
COLOURS = re.compile(r"\x1b\[\d+m")
SENTENCE = re.compile(
    r"^[ \t]*(?:[\w.]+(?:Error|Exception|Fault)|octavo: error): (?P<sentence>.+)$",
    re.MULTILINE,
)
"""What a task of octavo's says last, or another component's traceback."""

PARENT = "OCTAVO_PARENT"
"""The variable that tells a task's shell, and its Python, who starts it."""


def run_compiled(compiled: Path, arguments: Mapping[str, Any], *, root: Path, log: Path, lines: StepLines) -> None:
    """Run a compiled pipeline file.

    Args:
        compiled: the pipeline's YAML.
        arguments: the pipeline's parameters.
        root: the folder for the tasks' artifacts.
        log: the file for everything that kfp and the tasks print.
        lines: shows each task as it begins and ends.

    Raises:
        OctavoError: when a task fails; the message is the task's own sentence where it left one.
    """
    from kfp import components, local

    pipeline = components.load_component_from_file(str(compiled))
    _without_retries(pipeline.component_spec.implementation.graph)
    watch = TaskWatch(display_names(pipeline.pipeline_spec), lines)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8", buffering=1) as file, _kfp_in_check(watch, file), _this_python():
        local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
        try:
            with contextlib.redirect_stdout(file):
                pipeline(**arguments)
        except RuntimeError as fault:
            raise OctavoError(_why(watch.failed, log)) from fault


def _without_retries(spec: Any) -> None:
    """Take the retries away: here no pod is lost, and kfp.local would wait as long between tries as a cluster does."""
    for dag in _dags(spec):
        for task in dag.tasks.values():
            task.ClearField("retry_policy")


def _dags(spec: Any) -> list[Any]:
    return [spec.root.dag, *(component.dag for component in spec.components.values())]


def display_names(spec: Any) -> dict[str, str]:
    """Component name, as kfp.local prints it, -> the display name of its task."""
    tasks = [task for dag in _dags(spec) for task in dag.tasks.values()]
    return {task.component_ref.name.removeprefix("comp-"): task.task_info.name for task in tasks}


class TaskWatch(logging.Filter):
    """Sees what kfp.local logs, in the thread that runs the task, and shows each task's beginning and end."""

    def __init__(self, names: Mapping[str, str], lines: StepLines) -> None:
        super().__init__()
        self.failed = ""
        self._names = names
        self._lines = lines
        self._started: dict[int, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through."""
        message = COLOURS.sub("", record.getMessage())
        if found := STARTED.match(message):
            self._started[threading.get_ident()] = time.monotonic()
            self._lines.began(self._name(found))
        elif found := FINISHED.match(message):
            seconds = time.monotonic() - self._started.pop(threading.get_ident())
            well = found["status"] == "SUCCESS"
            self.failed = self.failed if well else self._name(found)
            self._lines.ended(self._name(found), seconds, well=well)
        return True

    def _name(self, found: re.Match[str]) -> str:
        return self._names.get(found["task"], found["task"])


@contextlib.contextmanager
def _kfp_in_check(watch: TaskWatch, log: TextIO) -> Iterator[None]:
    """Watch the root logger; put back what kfp.local's parallel tasks leave changed: print, level, handlers."""
    root, printer = logging.getLogger(), builtins.print
    level, handlers = root.level, root.handlers[:]
    root.setLevel(logging.INFO)
    root.handlers[:] = [logging.StreamHandler(log)]
    root.addFilter(watch)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"kfp\.")  # settings that only a cluster heeds
        try:
            yield
        finally:
            root.removeFilter(watch)
            root.setLevel(level)
            root.handlers[:] = handlers
            builtins.print = printer


@contextlib.contextmanager
def _this_python() -> Iterator[None]:
    """Make `python3` in the tasks' shells this interpreter, and their temporary files go in the end.

    kfp.local would replace the word in everything it passes to a task by the interpreter's path, arguments included,
    and a blank in that path would part it. The tasks' shells die with this process, and their Pythons with them.
    """
    with tempfile.TemporaryDirectory(prefix="octavo-local-") as folder:
        path = os.environ["PATH"]
        python = shlex.quote(sys.executable)
        bound = f'{python} -I -S {shlex.quote(lifetime.__file__)} "$parent"'
        shell = shlex.quote(shutil.which("sh") or "/bin/sh")
        _write_script(Path(folder, "sh"), f'export {PARENT}=$$\nexec {bound} {shell} "$@"\n')
        _write_script(Path(folder, "python3"), f'export PATH={shlex.quote(path)}\nexec {bound} {python} -P "$@"\n')
        executable, variables = sys.executable, dict(os.environ)
        sys.executable = "python3"
        os.environ |= {"PATH": f"{folder}{os.pathsep}{path}", "TMPDIR": folder, PARENT: str(os.getpid()), WIDTH: "0"}
        try:
            yield
        finally:
            sys.executable = executable
            os.environ.clear()
            os.environ |= variables


def _write_script(file: Path, lines: str) -> None:
    """Write a shell script that finds the process which starts it as `parent`."""
    file.write_text(f"#!/bin/sh\nparent=${PARENT}\n{lines}")
    file.chmod(0o755)


def _why(task: str, log: Path) -> str:
    """The last sentence in the log about what went wrong."""
    sentences = SENTENCE.findall(log.read_text(encoding="utf-8"))
    reason = sentences[-1] if sentences else "it left no message"
    return f"the task {task!r} failed: {reason} (everything it printed: {log})"
