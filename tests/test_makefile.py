"""The Makefile's set-up, with a stand-in for Python that only notes how it is called."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

STAND_IN = """#!/bin/sh
echo "$*" >> calls.txt
case "$*" in
    "-m venv --clear .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
    *"$(cat failing.txt 2>/dev/null || echo nothing)"*) exit 1 ;;
esac
"""

INSTALL = "-m pip --disable-pip-version-check --quiet install --editable"


class Project:
    """A folder with the Makefile and the stand-in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(Path(__file__).parents[1] / name, folder)
        python = folder / "python"
        python.write_text(STAND_IN)
        python.chmod(0o755)

    def make(self, target: str) -> list[str]:
        """Make a target; how Python was called, with the look for pip left out."""
        calls = self.folder / "calls.txt"
        calls.write_text("")
        subprocess.run(
            ["make", target, f"PYTHON={self.folder}/python"], cwd=self.folder, check=False, capture_output=True
        )
        return [call for call in calls.read_text().splitlines() if call != "-m pip --version"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_the_first_run_makes_the_environment_and_installs(project: Project) -> None:
    assert project.make("run") == ["-m venv --clear .venv", f"{INSTALL} .", "pipelines/quantize_int8/run.py"]


def test_a_second_run_installs_nothing(project: Project) -> None:
    project.make("run")
    assert project.make("run") == ["pipelines/quantize_int8/run.py"]


def test_an_extra_is_installed_on_top(project: Project) -> None:
    project.make("run")
    assert project.make("train") == [f"{INSTALL} .[train]", "pipelines/quantize_int8/quickstart/train.py"]


def test_a_changed_project_file_is_installed_again_into_the_same_environment(project: Project) -> None:
    project.make("run")
    stamp = (project.folder / ".venv" / "installed-run").stat().st_mtime
    os.utime(project.folder / "pyproject.toml", (stamp + 1, stamp + 1))
    assert project.make("run") == [f"{INSTALL} .", "pipelines/quantize_int8/run.py"]


def test_an_installation_that_failed_is_done_again(project: Project) -> None:
    (project.folder / "failing.txt").write_text("install")
    assert project.make("run") == ["-m venv --clear .venv", f"{INSTALL} ."]
    (project.folder / "failing.txt").unlink()
    assert project.make("run") == [f"{INSTALL} .", "pipelines/quantize_int8/run.py"]


def test_an_environment_without_pip_is_made_anew(project: Project) -> None:
    (project.folder / ".venv" / "bin").mkdir(parents=True)
    assert project.make("run")[0] == "-m venv --clear .venv"
