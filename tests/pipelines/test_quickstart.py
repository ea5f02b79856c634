"""The compiled pipeline on the quick start's model, and the same chain in one process."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from octavo.explain.explain import explain
from quickstart import PUBLISHED_FILES, run_pipeline

pytestmark = [pytest.mark.pipeline, pytest.mark.int8]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("python3 and a blank")  # kfp.local replaces the first word, and parts at the other


@pytest.fixture(scope="module")
def run(folder: Path) -> subprocess.CompletedProcess[str]:
    """run.py as `make run` calls it, but for where it writes: 4 shards."""
    done = run_pipeline("--target", str(folder / "target"), "--work", str(folder / "work"))
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_the_pipeline_publishes_an_int8_model_as_accurate_as_the_fp32_one(
    run: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert run.returncode == 0
    assert {path.name for path in (folder / "target").iterdir()} == PUBLISHED_FILES
    figures = json.loads((folder / "target" / "summary.json").read_text())
    assert figures["accepted"]
    assert figures["top1"]["images"] == 1000
    assert abs(figures["top1"]["difference"]) <= 0.5
    assert figures["bytes"]["int8"] < 0.5 * figures["bytes"]["fp32"]


def test_what_the_loops_left_was_merged_beside_the_target(run: subprocess.CompletedProcess[str], folder: Path) -> None:
    assert run.returncode == 0
    left = {
        path.relative_to(home).as_posix() for home in (folder / ".octavo-parts").iterdir() for path in home.rglob("*")
    }
    assert {name for name in left if "/" in name} == {"merged/min_max_log", "merged/fp32", "merged/int8"}
    plans = [json.loads(path.read_text()) for path in (folder / ".octavo-parts").glob("*/plan.json")]
    assert sorted((len(plan["kinds"]), len(plan["shards"])) for plan in plans) == [(1, 4), (2, 2)]


def test_it_ends_in_the_table_and_the_path_of_the_report(run: subprocess.CompletedProcess[str], folder: Path) -> None:
    for row in ("top-1", "file size", "images/s, batch 1", "images/s, batch 32", "stayed FP32"):
        assert row in run.stdout
    assert f"report: {folder / 'target' / 'report.html'}" in run.stdout


def test_a_line_shows_each_finished_task(run: subprocess.CompletedProcess[str]) -> None:
    finished = [line for line in run.stdout.splitlines() if line.startswith("ok ")]

    assert len([line for line in finished if "Calibrate" in line]) == 4
    assert len(finished) == 24


def test_four_pods_and_two_processes_give_the_same_bytes(
    run: subprocess.CompletedProcess[str], folder: Path, published: Path
) -> None:
    assert run.returncode == 0
    assert (folder / "target" / "int8.pb").read_bytes() == (published / "int8.pb").read_bytes()


def test_one_process_publishes_the_same_files(published: Path) -> None:
    assert {path.name for path in published.iterdir()} == PUBLISHED_FILES


def test_what_both_publish_is_explained_node_by_node(
    run: subprocess.CompletedProcess[str], folder: Path, published: Path
) -> None:
    assert run.returncode == 0
    found = explain(str(published))
    assert found.complete
    assert found == explain(str(folder / "target"))
    assert {node.op for node in found.nodes if node.verdict == "INT8"} >= {"Conv2D", "DepthwiseConv2dNative", "MatMul"}
