"""The quick start on the cluster, in a namespace under the restricted standard."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.kube import find
from cluster.release import Release
from octavo.storage import list_objects, read_bytes
from quickstart import PUBLISHED_FILES

PODS = 24
"""17 steps of one pod, and those of four calibration shards and of two evaluation shards of each graph."""


@pytest.fixture(scope="module")
def submitted(release: Release, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results of a run that was followed to its end; what it said is in `said`."""
    folder = tmp_path_factory.mktemp("results")
    done = release.submit(f"--output={folder}", shards=4, evaluation_shards=2)
    (folder / "said").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_run_publishes_the_bytes_that_make_run_publishes(
    submitted: Path, release: Release, int8_graph: bytes
) -> None:
    target = str(release.parameters["target_uri"])

    assert {each.name for each in list_objects(target)} == PUBLISHED_FILES
    assert read_bytes(f"{target}/int8.pb") == int8_graph
    assert {file.name for file in submitted.iterdir()} == {"report.html", "summary.json", "said"}


def test_each_step_was_shown_as_it_ended(submitted: Path) -> None:
    lines = [line.split("  ")[0] for line in (submitted / "said").read_text().splitlines()]

    assert lines[0].startswith("started: kubectl --namespace")
    assert [line for line in lines if line.startswith("failed")] == []
    assert sum(line.startswith("ok") for line in lines) == PODS


@pytest.mark.usefixtures("submitted")
def test_every_pod_ran_once_and_left_nothing_behind(release: Release) -> None:
    (run,) = release.runs()

    assert run.phase() == "Succeeded"
    assert {each["phase"] for each in run.nodes} == {"Succeeded"}
    assert len([each for each in run.nodes if each["type"] == "Pod"]) == PODS
    assert find(release.namespace, "pods") == []
