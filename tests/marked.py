"""Programs of a test, and every process that they start: found by a mark in their environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

MARK = "OCTAVO_TEST_MARK"
SECONDS = 60.0
"""How long a program may take to come to a point."""


class Program:
    """A program that is started in a session of its own, with a folder for temporary files.

    Args:
        command: the program and its arguments.
        folder: an empty folder: `temporary` in it is for temporary files.
        environment: variables besides.
    """

    def __init__(self, command: Sequence[object], folder: Path, environment: dict[str, str], **options: Any) -> None:
        self.mark = uuid4().hex
        self.temporary = folder / "temporary"
        self.temporary.mkdir()
        self.process = subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, "TMPDIR": str(self.temporary), **environment, MARK: self.mark},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    def end(self) -> tuple[int, str, str]:
        """The exit status, and what it printed."""
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err

    def processes(self) -> set[int]:
        """The processes that live now, of it and of all that it started."""
        wanted = f"{MARK}={self.mark}".encode()
        return {int(each.name) for each in Path("/proc").iterdir() if each.name.isdecimal() and wanted in _read(each)}

    def gone(self, seconds: float = 5.0) -> bool:
        """Whether no process of it is left, within some seconds."""
        return reached(lambda: not self.processes(), seconds)

    def left(self) -> list[str]:
        """What is in the folder for temporary files."""
        return sorted(each.name for each in self.temporary.iterdir())


def python(*words: object) -> list[object]:
    """The command of this Python."""
    return [sys.executable, *words]


def parent(process: int) -> int:
    """The parent of a process."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def children(process: int) -> set[int]:
    """The processes that a process is the parent of, those included that have ended and wait to be let go of."""
    lines = [path.read_text() for path in Path("/proc").glob("[0-9]*/stat")]
    fields = {int(line.split()[0]): line.rpartition(")")[2].split() for line in lines}
    return {each for each, (_, above, *_) in fields.items() if int(above) == process}


def reached(point: Callable[[], object], seconds: float = SECONDS) -> bool:
    """Whether something comes true within some seconds."""
    end = time.monotonic() + seconds
    while not point():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def _read(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:  # it has ended, or is another user's
        return b""
