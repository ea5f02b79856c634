"""Many pods in one run."""

from __future__ import annotations

import json
import os

import pytest

from cluster.kube import find
from cluster.release import Release, Run

SHARDS = [int(number) for number in os.environ.get("CLUSTER_SHARDS", "200").split(",")]

MOST_BYTES = 1024 * 1024
"""What Argo lets a Workflow's node states take, in the object: above that it compresses them."""


@pytest.mark.parametrize("shards", SHARDS)
def test_a_loop_of_many_shards_comes_to_its_end(release: Release, shards: int) -> None:
    data = release.store.uri("quickstart/validation.npz")
    settings = {"batch_size": 1, "calibration_limit": shards, "calibration_uri": data, "reuse": "false"}
    run = release.begin(shards=shards, **settings)
    run.has_done("merge-logs", seconds=40 * shards)

    calibrated = [each for each in run.nodes if each["type"] == "Pod" and each["templateName"] == "calibrate-shard"]
    assert len({each["displayName"].partition("(0)")[0] for each in calibrated}) == shards
    assert stored_bytes(run) < MOST_BYTES
    assert run.phase(seconds=1800) == "Succeeded"
    assert find(release.namespace, "pods", f"workflows.argoproj.io/workflow={run.name}") == []
    run.delete()


def stored_bytes(run: Run) -> int:
    """What the node states take in the Workflow's object."""
    status = run.workflow["status"]
    return len(status.get("compressedNodes", "")) or len(json.dumps(status["nodes"], separators=(",", ":")))
