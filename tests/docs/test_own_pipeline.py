"""The example of a pipeline of one's own: compiled, checked for what fails on a cluster, and run."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from generate import ROOT
from octavo.lint_pipeline.lint import lint
from octavo.local import run_compiled
from octavo.progress import StepLines
from quickstart import QUICKSTART

EXAMPLE = ROOT / "docs" / "example_pipelines" / "try_transforms.py"
PAGE = (ROOT / "docs" / "own-pipeline.md").read_text()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("own") / "try_transforms.yaml"
    subprocess.run([sys.executable, EXAMPLE, file], check=True)
    return file


def test_the_example_holds_nothing_that_fails_on_a_cluster(compiled: Path) -> None:
    assert lint(compiled) == []


@pytest.mark.pipeline
def test_the_example_runs_and_counts_the_answers_that_differ(compiled: Path, tmp_path: Path) -> None:
    arguments = {
        "model_uri": str(QUICKSTART.model),
        "dataset_uri": str(QUICKSTART.validation),
        "preprocessing": "unit",
        "transforms": "fold_batch_norms",
        "limit": 100,
    }
    with StepLines(Console(file=StringIO())) as lines:
        run_compiled(compiled, arguments, root=tmp_path / "root", log=tmp_path / "log.txt", lines=lines)

    (written,) = (tmp_path / "root").glob("*/compare/executor_output.json")
    output = json.loads(written.read_text())
    figures = output["artifacts"]["metrics"]["artifacts"][0]["metadata"]
    assert output["parameterValues"]["Output"] == 0
    assert figures["top-1 before"] == figures["top-1 after"] > 95


def test_the_page_shows_the_examples_own_lines() -> None:
    (shown,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

    assert shown in EXAMPLE.read_text()
