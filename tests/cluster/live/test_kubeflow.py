"""The pipeline on Kubeflow Pipelines, where the cluster has it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cluster.kube import Document, apply, eventually, kubectl
from cluster.kubeflow import ENDED, NAMESPACE, NODE_NAME, KubeflowRelease, KubeflowRun, needs_kubeflow
from cluster.release import strict_namespace
from cluster.store import Store
from helm_chart import Helm
from octavo.storage import list_objects, read_bytes
from quickstart import PUBLISHED_FILES
from servers import StorageServer

pytestmark = needs_kubeflow

MINUTE = 60

MOST_BYTES = 1 << 20
"""Beyond this Argo compresses a run's node states, and Kubeflow's interface and API show its steps no more."""

SHARDS = [int(number) for number in os.environ.get("CLUSTER_KFP_SHARDS", "60,200").split(",")]

MERGED = "merge-min-max-logs"
"""The step behind the calibration's loop."""

RESTRICTED = "octavo-restricted"

UNCACHED = "look-up"
"""A step that each run takes anew, the first one: what comes behind it may be there from an earlier run."""


@dataclass(frozen=True)
class Finished:
    """A run that was followed to its end.

    Attributes:
        done: what `octavo submit` printed.
        run: the run.
        folder: the results that it fetched.
    """

    done: subprocess.CompletedProcess[str]
    run: KubeflowRun
    folder: Path


@pytest.fixture(scope="module")
def release(helm: Helm, store: StorageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeflowRelease]:
    made = KubeflowRelease(helm, store, tmp_path_factory.mktemp("kubeflow"))
    made.remove()
    made.install()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def finished(release: KubeflowRelease, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("results")
    done = release.submit(f"--output={folder}")
    assert done.returncode == 0, done.stdout + done.stderr
    return Finished(done, release.run_of(done), folder)


def test_a_run_publishes_the_bytes_that_make_run_publishes(
    finished: Finished, release: KubeflowRelease, int8_graph: bytes
) -> None:
    target = str(release.parameters["target_uri"])

    assert {each.name for each in list_objects(target)} == PUBLISHED_FILES
    assert read_bytes(f"{target}/int8.pb") == int8_graph
    assert {file.name for file in finished.folder.iterdir()} == {"report.html", "summary.json"}


def test_each_step_was_shown_as_it_ended(finished: Finished) -> None:
    lines = [re.fullmatch(r"(ok|failed) +(.+?) +[0-9.]+ s", line) for line in finished.done.stderr.splitlines()]
    ended = {(line[2], line[1]) for line in lines if line}

    assert {how for _, how in ended} == {"ok"}
    assert {"Fetch model", "Merge logs", "Fuse", "Report", "Publish"} <= {name for name, _ in ended}


def test_the_states_of_the_runs_nodes_fit_into_its_workflow_uncompressed(finished: Finished) -> None:
    workflow = finished.run.workflow
    assert workflow is not None, "the run's Workflow is gone: its time to live is too short for this test"
    states = json.dumps(workflow["status"].get("nodes", {}), separators=(",", ":"))

    assert "compressedNodes" not in workflow["status"]
    assert 0 < len(states) < MOST_BYTES


def test_the_api_tells_the_end_of_each_task(finished: Finished) -> None:
    details = finished.run.client.get_run(finished.run.id).run_details.task_details

    # What the cache notes down of a step stands among them without a name.
    ended = {each.display_name: str(each.state) for each in details if each.display_name}
    assert {"look-up", "publish-model"} <= ended.keys()
    assert set(ended.values()) <= {"SUCCEEDED", "SKIPPED"}


def test_every_pod_of_a_step_passes_the_restricted_standard(finished: Finished) -> None:
    kubectl("delete", "namespace", RESTRICTED, "--ignore-not-found", "--timeout=120s")
    apply(*strict_namespace(RESTRICTED))
    steps = [each for each in finished.run.pods if ".executor" in each["metadata"]["annotations"][NODE_NAME]]
    try:
        assert steps
        assert [fault for each in steps if (fault := _refusal(each))] == []
    finally:
        kubectl("delete", "namespace", RESTRICTED, "--wait=false")


def test_a_step_that_cannot_go_on_is_told_with_its_reason(release: KubeflowRelease) -> None:
    store = release.store
    done = release.submit(model_uri=store.uri("no-such-model"), target_uri=store.uri("failed/target"))

    assert done.returncode == 2
    assert store.uri("no-such-model") in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert list_objects(store.uri("failed")) == []


def test_a_pod_that_is_deleted_is_made_again(release: KubeflowRelease) -> None:
    run = release.begin()
    pod = run.pod(UNCACHED)
    (first,) = run.tries(UNCACHED)
    kubectl("-n", NAMESPACE, "delete", "pod", pod, "--force", "--grace-period=0")
    run.has_done(UNCACHED)

    # One that is gone before Argo has seen it run is made again under its own name.
    assert first["metadata"]["uid"] not in {each["metadata"]["uid"] for each in run.tries(UNCACHED)}
    run.end()


def test_an_object_store_that_is_away_for_a_minute(release: KubeflowRelease, weed: Store) -> None:
    run = release.begin()
    eventually("the first step", MINUTE * 10, lambda: bool(run.tries(UNCACHED)))
    with weed.away():
        time.sleep(MINUTE)
    run.has_done(UNCACHED)

    assert len(run.tries(UNCACHED)) == 1
    run.end()


def test_a_step_without_the_memory_it_needs_is_told_by_name_and_tried_once(release: KubeflowRelease) -> None:
    release.upgrade(resources={UNCACHED: {"requests": {"memory": "32Mi"}, "limits": {"memory": "64Mi"}}})
    done = release.submit(target_uri=release.store.uri("oom/target"))

    assert done.returncode == 2
    assert "the step 'Look up' failed" in done.stderr
    assert f"memory ran out, so raise resources.{UNCACHED}.limits.memory" in done.stderr
    assert len(release.run_of(done).tries(UNCACHED)) == 1


@pytest.mark.parametrize("shards", SHARDS)
def test_a_loop_of_many_shards_comes_to_its_end(release: KubeflowRelease, shards: int) -> None:
    store = release.store
    data = {"calibration_uri": store.uri("quickstart/validation.npz"), "calibration_limit": shards, "batch_size": 1}
    run = release.begin(
        shards=shards, evaluation_shards=1, reuse="false", target_uri=store.uri(f"kubeflow/target-of-{shards}"), **data
    )
    run.has_done(MERGED, seconds=60 * shards)

    calibrated = [each for each in run.pods if re.search(r"\.calibrate\(0\)\.executor", _node_name(each))]
    assert len({_node_name(each) for each in calibrated}) == shards
    assert run.stored_bytes < MOST_BYTES
    eventually(f"the end of {run.id}", 60 * MINUTE, lambda: run.state in ENDED)
    assert run.state == "SUCCEEDED"
    assert run.stored_bytes < MOST_BYTES


def _node_name(pod: Document) -> str:
    return str(pod["metadata"]["annotations"][NODE_NAME])


def _refusal(pod: Document) -> str:
    """What the API server says of such a pod in a namespace under the restricted standard; "" where it takes it."""
    spec: dict[str, Any] = {key: value for key, value in pod["spec"].items() if key != "nodeName"}
    copy = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod["metadata"]["name"], "namespace": RESTRICTED},
        "spec": {**spec, "serviceAccountName": "default", "serviceAccount": "default"},
    }
    done = subprocess.run(
        ["kubectl", "create", "--dry-run=server", "-f", "-"],
        input=json.dumps(copy),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""
