"""Run a command with a container engine: the one that runs here, or one of octavo's own for as long as it lasts.

    python images/octavo/container_engine.py docker image ls

The engine of octavo's own keeps its images in ~/.cache/octavo-engine. Only root can start it, from Debian's docker.io.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 60.0
FIRST = ("/usr/bin",)
"""Folders in which the client is looked for before those of the path."""

DAEMONS = ("/usr/sbin", "/usr/bin")
"""The same for the engine itself."""

PACKAGES = "Debian: apt-get install docker.io mmdebstrap"


class NoEngineError(Exception):
    """Why no container engine can be had here."""


def find_client() -> str:
    """The path of a `docker` with BuildKit: Debian's has it, another one earlier on the path may not.

    Raises:
        NoEngineError: when there is none.
    """
    folders = dict.fromkeys([*FIRST, *os.get_exec_path()])
    for docker in (Path(folder) / "docker" for folder in folders):
        if os.access(docker, os.X_OK):
            variables = {**os.environ, "DOCKER_BUILDKIT": "1"}
            shown = subprocess.run([docker, "build", "--help"], env=variables, capture_output=True, check=False)
            if b"--secret" in shown.stdout:
                return str(docker)
    raise NoEngineError(f"no `docker` with BuildKit is installed ({PACKAGES})")


def running_address(client: str) -> str | None:
    """DOCKER_HOST of the engine that runs here, where one does."""
    address = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    return address if answers(client, address) else None


def own_address(folder: Path) -> str:
    """DOCKER_HOST of the engine that keeps its things in a folder."""
    return f"unix://{folder / 'docker.sock'}"


def answers(client: str, address: str) -> bool:
    """Whether an engine runs there."""
    return subprocess.run([client, "--host", address, "info"], capture_output=True, check=False).returncode == 0


def start(client: str, folder: Path) -> None:
    """Start an engine that keeps everything in a folder; it goes on when this process ends.

    Raises:
        NoEngineError: when it cannot be started.
    """
    daemon = shutil.which("dockerd", path=os.pathsep.join([*DAEMONS, os.environ["PATH"]]))
    if daemon is None:
        raise NoEngineError(f"no container engine runs here, and no dockerd is installed ({PACKAGES})")
    if os.geteuid() != 0:
        raise NoEngineError("no container engine runs here, and only root can start one")
    places = [f"--data-root={folder / 'data'}", f"--exec-root={folder / 'exec'}", f"--pidfile={folder / 'dockerd.pid'}"]
    own_network = ["--bridge=none", "--iptables=false"]  # containers have the host's network or none
    log = folder / "dockerd.log"
    with log.open("wb") as output:  # no child of this process: whoever is the last stops it
        command = ["setsid", "--fork", daemon, "--host", own_address(folder), *places, *own_network]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=True)
    deadline = time.monotonic() + START_SECONDS
    while not answers(client, own_address(folder)):
        said = log.read_text(errors="replace")
        if "failed to start daemon" in said or time.monotonic() > deadline:
            raise NoEngineError(f"dockerd does not start here: {' '.join(said.splitlines()[-1:])}")
        time.sleep(0.2)


def stop(folder: Path) -> None:
    """Stop the engine whose folder it is, where it runs."""
    file = folder / "dockerd.pid"
    if not file.exists():
        return
    pid = int(file.read_text())
    deadline = time.monotonic() + START_SECONDS
    if _runs(pid, folder):
        os.kill(pid, signal.SIGTERM)
    while _runs(pid, folder) and time.monotonic() < deadline:
        time.sleep(0.1)


@contextmanager
def engine() -> Iterator[Mapping[str, str]]:
    """The environment of a process that uses the engine: DOCKER_HOST, DOCKER, and its client first on the path.

    Raises:
        NoEngineError: when none runs here and none can be started.
    """
    client = find_client()
    path = f"{Path(client).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "DOCKER": client, "PATH": path}
    if address := running_address(client):
        yield {**variables, "DOCKER_HOST": address}
        return
    folder = Path.home() / ".cache" / "octavo-engine"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            start(client, folder)
            yield {**variables, "DOCKER_HOST": own_address(folder)}
        finally:
            stop(folder)


def main() -> None:
    """Run the command that the command line holds."""
    try:
        with engine() as variables:
            own = variables["DOCKER_HOST"].endswith("octavo-engine/docker.sock")
            status = subprocess.run(sys.argv[1:], env=variables, check=False).returncode
    except NoEngineError as fault:
        sys.exit(f"error: {fault}")
    if own:
        sys.stderr.write(
            f"No container engine ran here: its images are reached by `python {sys.argv[0]} docker ...`.\n"
        )
    sys.exit(status)


def _runs(pid: int, folder: Path) -> bool:
    """Whether the process is the engine of that folder."""
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


if __name__ == "__main__":
    main()
