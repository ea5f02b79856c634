"""The container engine that a command is run with, with stand-ins for docker and dockerd."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import container_engine
from engine import ROOT

PROGRAM = ROOT / "images" / "octavo" / "container_engine.py"

DOCKER = """#!/bin/sh
case "$*" in
    "build --help") echo "--secret list" ;;
    *info) test -e "$HOME/.cache/octavo-engine/up" -o -e "$HOME/up" ;;
    *) echo "docker at $DOCKER_HOST: $*" ;;
esac
"""

DOCKERD = """#!/bin/sh
for word; do case "$word" in --pidfile=*) echo $$ > "${word#--pidfile=}" ;; esac; done
touch "$HOME/.cache/octavo-engine/up"
while sleep 0.2; do :; done
"""


PATCHED = "import container_engine as c; c.FIRST = c.DAEMONS = (); c.main()"
"""The program, without the folders of this machine that it looks into."""


class Machine:
    """A machine with few programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in ("sh", "setsid", "sleep", "test", "touch"):
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def has(self, name: str, text: str) -> None:
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        variables = {"HOME": str(self.folder), "PATH": str(self.bin), "PYTHONPATH": str(PROGRAM.parent)}
        words = [sys.executable, "-c", PATCHED, *command]
        return subprocess.run(words, env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.has("docker", DOCKER)
    return made


def test_an_engine_that_runs_is_taken(machine: Machine) -> None:
    (machine.folder / "up").touch()
    done = machine.run("docker", "image", "ls")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "docker at unix:///var/run/docker.sock: image ls\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start an engine")
def test_where_none_runs_one_is_started_for_the_command_and_stopped_behind_it(machine: Machine) -> None:
    machine.has("dockerd", DOCKERD)
    done = machine.run("docker", "image", "ls")
    folder = machine.folder / ".cache" / "octavo-engine"

    assert done.returncode == 0, done.stderr
    assert done.stdout == f"docker at unix://{folder}/docker.sock: image ls\n"
    assert "No container engine ran here: its images are reached by" in done.stderr
    assert not container_engine._runs(int((folder / "dockerd.pid").read_text()), folder)


def test_the_commands_own_status_is_the_programs(machine: Machine) -> None:
    (machine.folder / "up").touch()

    assert machine.run("sh", "-c", "exit 7").returncode == 7


def test_without_a_daemon_one_sentence_says_what_to_install(machine: Machine) -> None:
    done = machine.run("docker", "image", "ls")

    assert done.returncode == 1
    assert done.stderr == (
        f"error: no container engine runs here, and no dockerd is installed ({container_engine.PACKAGES})\n"
    )


def test_a_docker_without_buildkit_is_passed_over(machine: Machine) -> None:
    machine.has("docker", "#!/bin/sh\n")
    done = machine.run("docker", "image", "ls")

    assert done.stderr == f"error: no `docker` with BuildKit is installed ({container_engine.PACKAGES})\n"
