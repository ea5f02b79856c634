"""The shards of a step as one Indexed Job."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from cluster.kube import Document, eventually, find, get, kubectl, rights
from cluster.release import RELEASE, SMALL, Release, Run
from images import noise, write_images
from octavo.storage import list_objects, upload

SHARDS = 300

SLOW = {**SMALL, "limits": {"cpu": "500m"}}
"""A shard that is still at work when a test comes to it."""


STEP = "calibrate-shard"


@pytest.fixture(scope="module")
def release(release_of: Callable[..., Release]) -> Release:
    return release_of("indexed-job", indexedJob={"enabled": True})


@pytest.fixture(scope="module")
def slow(release_of: Callable[..., Release]) -> Release:
    return release_of("slow-job", indexedJob={"enabled": True}, resources={STEP: SLOW})


def jobs(release: Release) -> list[Document]:
    """The Jobs and their pods that are there."""
    return find(release.namespace, "jobs,pods", "batch.kubernetes.io/job-name")


def begin(release: Release, shards: int) -> Run:
    """A run with so many shards of one example each, or one of them all."""
    data = release.store.uri("quickstart/validation.npz")
    settings = {"batch_size": 1, "calibration_limit": SHARDS, "calibration_uri": data, "reuse": "false"}
    return release.begin(shards=shards, **settings)


def test_the_account_that_makes_jobs_may_do_that_and_see_why_they_fail(release: Release) -> None:
    assert sorted(rights(release.namespace, f"{RELEASE}-jobs")) == [
        "events [] [] [list]",
        "jobs.batch [] [] [create get delete]",
        "pods [] [] [get list]",
        "pods/log [] [] [get]",
    ]
    assert rights(release.namespace, RELEASE) == []


def test_the_pods_of_a_job_are_as_the_namespace_demands_and_have_no_token(slow: Release) -> None:
    run = slow.begin(reuse="false")
    pod = get(slow.namespace, "pod", run.shard_pod(STEP, 0))
    (container,) = pod["spec"]["containers"]

    assert pod["spec"]["serviceAccountName"] == RELEASE
    assert not [each for each in container["volumeMounts"] if "serviceaccount" in each["mountPath"]]
    assert container["resources"]["limits"]["cpu"] == "500m"
    assert pod["metadata"]["labels"]["app.kubernetes.io/component"] == STEP
    (job,) = find(slow.namespace, "jobs")
    (owner,) = job["metadata"]["ownerReferences"]
    assert owner["name"] == run.pod(STEP)
    run.delete()
    eventually("no Job is left", 60, lambda: not jobs(slow))


def test_an_index_whose_pod_dies_is_tried_again(slow: Release) -> None:
    run = slow.begin(reuse="false")
    pod = run.shard_pod(STEP, 1)
    run.signal(pod, signal.SIGKILL)
    eventually("the step tells it", 120, lambda: "failed in one try" in log(run))
    told = log(run)
    run.has_done(STEP)

    assert "shard 1 of 2 (examples " in told
    assert "failed in one try: Error (exit status 137): the process was killed" in told
    run.delete()


def test_a_run_that_is_stopped_takes_its_job_along(slow: Release) -> None:
    run = slow.begin(reuse="false")
    run.shard_pod(STEP, 0)
    run.stop()

    assert run.phase() == "Failed"
    eventually("no Job is left", 60, lambda: not jobs(slow))
    run.delete()


def test_a_step_whose_pod_is_deleted_makes_its_job_anew(slow: Release) -> None:
    run = slow.begin(reuse="false")
    run.shard_pod(STEP, 0)
    (before,) = find(slow.namespace, "jobs")
    kubectl("-n", slow.namespace, "delete", "pod", run.pod(STEP), "--force", "--grace-period=0")
    run.has_done(STEP)

    assert [each["phase"] for each in run.tries(STEP)] == ["Error", "Succeeded"]
    assert before["metadata"]["uid"] not in {each["metadata"]["uid"] for each in find(slow.namespace, "jobs")}
    run.delete()


def test_an_index_that_fails_for_good_is_told_with_its_reason(release: Release, tmp_path: Path) -> None:
    write_images(tmp_path / "images", {f"{name}.png": noise(28, 28, 1) for name in "abc"})
    (tmp_path / "images" / "b.png").write_bytes(b"broken")
    for path in (tmp_path / "images").iterdir():
        upload(path, release.store.uri(f"images/{path.name}"))
    target = release.store.uri("failed/target")
    done = release.submit(calibration_uri=release.store.uri("images"), shards=3, batch_size=1, target_uri=target)

    assert done.returncode == 2
    assert "octavo: error: shard 1 of 3 (examples 1 to 1) failed: the image" in done.stdout + done.stderr
    assert "b.png' (6 bytes) cannot be decoded" in done.stdout + done.stderr
    assert len(release.runs()[-1].tries(STEP)) == 1
    assert not [each for each in list_objects(target) if "octavo-parts" not in each.uri]
    eventually("no Job is left", 60, lambda: not jobs(release))


def test_300_indexes_end_in_the_log_of_one_shard(release: Release) -> None:
    runs = {shards: begin(release, shards) for shards in (1, SHARDS)}
    for run in runs.values():
        run.has_done("merge-logs", seconds=7200)
    logs = {shards: run.artifact(release.store, "merge-logs", "log") for shards, run in runs.items()}

    assert logs[SHARDS] == logs[1]
    assert len(runs[SHARDS].nodes) == len(runs[1].nodes), "the pods of shards do not touch the Workflow"
    eventually("no Job is left", 120, lambda: not jobs(release))
    for run in runs.values():
        run.delete()


def log(run: Run) -> str:
    """What the step that makes the Job has printed."""
    return kubectl("-n", run.namespace, "logs", run.pod(STEP), "-c", "main")
