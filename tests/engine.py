"""The container engine that tests share: the one that runs here, or one of their own for as long as they last.

Under pytest-xdist every worker asks for the engine; the first starts it and builds the images, the last stops it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from container_engine import NoEngineError, answers, find_client, own_address, running_address, start, stop

__all__ = ["Engine", "NoEngineError", "shared_engine"]

ROOT = Path(__file__).resolve().parents[1]
BASE_IMAGE = "local/python:3.11-slim"


@dataclass(frozen=True)
class Engine:
    """A running engine.

    Attributes:
        client: the path of `docker`, one that builds with BuildKit.
        address: what DOCKER_HOST must be.
        folder: where what the engine's users share is kept, for this run of pytest.
    """

    client: str
    address: str
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a process that uses the engine."""
        return {**os.environ, "DOCKER_HOST": self.address, "DOCKER": self.client}

    def docker(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the client."""
        command = [self.client, *map(str, arguments)]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def run(self, image: str, *words: object, flags: tuple[object, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run a container as a careful cluster does: no network, nothing writable but /tmp, no capability."""
        careful = ("--rm", "--read-only", "--tmpfs=/tmp", "--network=none", "--cap-drop=ALL")
        return self.docker("run", *careful, "--security-opt=no-new-privileges", *flags, image, *words)

    def once(self, name: str, make: Callable[[Path], None]) -> Path:
        """A folder that the first worker who asks for it has filled, for all workers of this run of pytest."""
        folder, done = self.folder / name, self.folder / f"{name}.done"
        with _locked(self.folder / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    def build_images(self) -> Path:
        """Build octavo's images, once for all workers; the base is made here too where it is missing.

        Returns:
            The folder with the lists of what is in them.
        """
        return self.once("inventory", self._build)

    def _build(self, inventories: Path) -> None:
        if self.docker("image", "inspect", BASE_IMAGE).returncode:
            self._script(ROOT / "images" / "local_base.sh")
        self._script(
            *(sys.executable, ROOT / "images" / "octavo" / "build_image.py", f"--base-image={BASE_IMAGE}"),
            f"--inventories={inventories}",
        )

    def _script(self, *command: object) -> None:
        """Run a program of the project's; its output is in the error where it fails."""
        path = f"{Path(self.client).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [str(word) for word in command],
            env={**self.environment, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-4000:]


@contextmanager
def shared_engine() -> Iterator[Engine]:
    """The engine, for as long as the block lasts.

    Raises:
        NoEngineError: when none runs here and none can be started.
    """
    client = find_client()
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"{os.getpid()}")[:12]
    folder = Path(tempfile.gettempdir()) / f"octavo-engine-{run}"
    _stop_forsaken(folder)
    folder.mkdir(exist_ok=True)
    with (folder / "users.lock").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield Engine(client, _address(client, folder), folder)
        finally:
            if _was_last(users.fileno()):
                _stop(folder)


def _address(client: str, folder: Path) -> str:
    """DOCKER_HOST of the engine that runs here, or else of this run's own, started now by the first who asks."""
    if theirs := running_address(client):
        return theirs
    with _locked(folder / "start.lock"):
        if not answers(client, own_address(folder)):
            start(client, folder)
        return own_address(folder)


def _was_last(users: int) -> bool:
    """Whether nobody else holds the engine: then this worker holds it alone."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stop(folder: Path) -> None:
    """Stop the engine whose folder it is, where there is one, and remove what it kept."""
    stop(folder)
    shutil.rmtree(folder, ignore_errors=True)


def _stop_forsaken(ours: Path) -> None:
    """Stop the engines of other runs of pytest that were killed: nobody holds their folders."""
    for folder in set(ours.parent.glob("octavo-engine-*")) - {ours}:
        with suppress(OSError), (folder / "users.lock").open() as users:
            if _was_last(users.fileno()):
                _stop(folder)


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Nobody else is in such a block with the same file."""
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
