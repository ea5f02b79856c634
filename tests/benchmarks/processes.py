"""Processes of the other programs: one that is measured until it ends, one that is asked again and again."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).resolve().parent
SAMPLING_SECONDS = 0.1
LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took from its start to its end, its children included.

    Args:
        seconds: on the clock.
        cpu_seconds: of processor time.
        peak_mb: resident memory at its highest, in 10^6 bytes; pages that processes share count once.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float


class ProgramError(Exception):
    """A program failed; the message has its last words."""


def measure(python: str, program: str, arguments: Sequence[str], log: Path) -> Cost:
    """Run a program to its end.

    Raises:
        ProgramError: when it fails.
    """
    start = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(python, program, arguments),
            stdout=output,
            stderr=output,
            env=_environment(),
            start_new_session=True,
        )
        session = _Session(process.pid)
        while process.poll() is None:
            session.sample()
            time.sleep(SAMPLING_SECONDS)
    if process.returncode:
        last = " | ".join(log.read_text(errors="replace").split("\n")[-LAST_LINES:])
        raise ProgramError(f"{program} ended with {process.returncode}: {last}")
    return Cost(time.perf_counter() - start, session.cpu_seconds, session.peak / 1e6)


class Runner:
    """A program that serves a graph (serving.py); a context manager."""

    def __init__(self, python: str, program: str, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                _command(python, program, arguments),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=_environment(),
                text=True,
            )

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            ProgramError: when the program ended instead.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            last = " | ".join(self.log.read_text(errors="replace").split("\n")[-LAST_LINES:])
            raise ProgramError(f"the runner ended with {self.process.wait()}: {last}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()


def _command(python: str, program: str, arguments: Sequence[str]) -> list[str]:
    return [python, str(HERE / program), *arguments]


def _environment() -> dict[str, str]:
    """The caller's, without what would change how TensorFlow runs, and quiet."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "ONEDNN_", "OMP_", "KMP_", "PYTHONPATH"))}
    return {**kept, "TF_CPP_MIN_LOG_LEVEL": "2"}


class _Session:
    """What the processes of a session take, sampled; whether their parents wait for them does not matter."""

    def __init__(self, leader: int) -> None:
        self.leader = leader
        self.ticks: dict[str, int] = {}
        self.peak = 0

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all processes, as last seen of each."""
        return sum(self.ticks.values()) / os.sysconf("SC_CLK_TCK")

    def sample(self) -> None:
        """Look at the processes that live now; memory pages that they share count once."""
        resident = 0
        for folder in Path("/proc").iterdir():
            if not folder.name.isdecimal():
                continue
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) != self.leader:
                    continue
                self.ticks[folder.name] = int(fields[11]) + int(fields[12])
                resident += _proportional_set_size((folder / "smaps_rollup").read_text())
            except OSError:  # it has ended meanwhile
                continue
        self.peak = max(self.peak, resident)


def _proportional_set_size(text: str) -> int:
    fields = dict(line.split(":", 1) for line in text.splitlines()[1:])
    return int(fields["Pss"].split()[0]) * 1024 if "Pss" in fields else 0
