"""Programs that go on when the command that started them has ended, found again by their process ids."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cluster.home import Home

STOP_SECONDS = 10.0

KNOWN_SECONDS = 2.0
"""How long a program that was just started may be without its name in /proc; one that ends at once never has it."""


class NoClusterError(Exception):
    """Why there is no cluster: one sentence."""


@dataclass(frozen=True)
class Daemon:
    """A program in the background.

    Attributes:
        name: of its files: pids/NAME and logs/NAME.log.
        command: the program and its arguments.
        variables: what its environment has besides.
    """

    name: str
    command: tuple[str, ...]
    variables: tuple[tuple[str, str], ...] = ()

    def pid(self, home: Home) -> int | None:
        """The process id, where it runs."""
        file = home.path / "pids" / self.name
        number = file.read_text().strip() if file.exists() else ""
        return int(number) if number and _program(int(number)) == self.command[0] else None

    def start(self, home: Home) -> None:
        """Start it in a session of its own, where it does not run."""
        if self.pid(home):
            return
        home.make("pids", "logs")
        log = home.path / "logs" / f"{self.name}.log"
        files = (
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        )
        variables = {**home.environment, **dict(self.variables)}
        pid = os.posix_spawnp(self.command[0], self.command, variables, file_actions=files, setsid=True)
        (home.path / "pids" / self.name).write_text(f"{pid}\n")
        deadline = time.monotonic() + KNOWN_SECONDS
        while not self.pid(home) and time.monotonic() < deadline:
            time.sleep(0.01)

    def signal(self, home: Home, number: signal.Signals) -> None:
        """Send it a signal, where it runs."""
        if pid := self.pid(home):
            os.kill(pid, number)

    def stop(self, home: Home) -> None:
        """End it: by force when it has not ended within ten seconds."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.signal(home, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self.pid(home) and time.monotonic() < deadline:
                _reap(self.pid(home))
                time.sleep(0.05)
        (home.path / "pids" / self.name).unlink(missing_ok=True)


def wait_for(what: str, seconds: float, ready: Callable[[], bool]) -> None:
    """Wait until something is so.

    Raises:
        NoClusterError: when it is not in time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise NoClusterError(
                f"{what} is not there after {seconds:.0f} s; see the logs beside the cluster's programs"
            )
        time.sleep(0.2)


def works(*command: object, home: Home) -> bool:
    """Whether a command succeeds."""
    done = subprocess.run([str(word) for word in command], env=home.environment, capture_output=True, check=False)
    return done.returncode == 0


def run(*command: object, home: Home, folder: Path | None = None, **variables: str) -> str:
    """Run a command and return what it prints.

    Raises:
        NoClusterError: when it fails; its last lines are in the message.
    """
    words = [str(word) for word in command]
    environment = {**home.environment, **variables}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoClusterError(
            f"{' '.join(words[:3])} ended with {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}"
        )
    return done.stdout


def _program(pid: int) -> str:
    """The program that a process runs; empty where there is no such process, or a dead one."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _reap(pid: int | None) -> None:
    """Take notice of the end of a process that this one started."""
    if pid:
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            return
