"""Runs in which a step fails, dies, or is taken away."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from cluster.kube import eventually, find, kubectl
from cluster.release import Release
from octavo.storage import list_objects

LONGER_THAN_A_MINUTE = 90


SLOW = {"summarize": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "150m"}}}
"""A step that is still at work when a test comes to it."""


@pytest.fixture(scope="module")
def release(release_of: Callable[..., Release]) -> Release:
    return release_of("failures", resources=SLOW)


def test_a_step_that_cannot_go_on_is_told_with_its_reason_and_its_log(release: Release) -> None:
    done = release.submit(model_uri=release.store.uri("no-such-model"), target_uri=release.store.uri("failed/target"))
    said = done.stdout + done.stderr

    assert done.returncode == 2
    assert "failed look-up" in said
    assert "exit code 2" in said
    assert f"{release.store.uri('no-such-model')}" in said
    assert "Traceback" not in said
    assert len(release.runs()[-1].tries("look-up")) == 1
    assert list_objects(release.store.uri("failed")) == []


def test_a_step_without_the_memory_it_needs_is_told_by_name_and_tried_once(release_of: Callable[..., Release]) -> None:
    small = {"summarize": {"requests": {"cpu": "50m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}}}
    release = release_of("oom", resources=small)
    done = release.submit()

    assert done.returncode == 2
    assert "OOMKilled" in done.stderr
    assert "'summarize' failed" in done.stderr or "'Summarize' failed" in done.stderr
    assert len(release.runs()[-1].tries("summarize")) == 1


def test_a_step_that_dies_after_more_than_a_minute_is_tried_again(release: Release) -> None:
    run = release.begin()
    pod = run.pod("summarize")
    run.signal(pod, signal.SIGSTOP)
    time.sleep(LONGER_THAN_A_MINUTE)
    run.signal(pod, signal.SIGKILL)
    run.has_done("summarize")

    first, second = run.tries("summarize")
    assert (first["phase"], first["outputs"]["exitCode"]) == ("Failed", "137")
    assert second["phase"] == "Succeeded"
    run.delete()


def test_a_pod_that_is_deleted_is_made_again(release: Release) -> None:
    run = release.begin()
    pod = run.pod("summarize")
    run.signal(pod, signal.SIGSTOP)
    # A pod that is gone before Argo has seen it run is made again without a word.
    eventually("Argo knows that it runs", 60, lambda: run.tries("summarize")[0]["phase"] == "Running")
    kubectl("-n", release.namespace, "delete", "pod", pod, "--force", "--grace-period=0")
    run.has_done("summarize")

    assert [each["phase"] for each in run.tries("summarize")] == ["Error", "Succeeded"]
    run.delete()


def test_nothing_is_left_of_runs_that_are_deleted(release: Release) -> None:
    for run in release.runs():
        run.delete()
    kubectl("-n", release.namespace, "wait", "--for=delete", "pods", "--all", "--timeout=120s")

    assert find(release.namespace, "pods,workflowtaskresults") == []
