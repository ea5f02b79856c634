"""The Job as Kubernetes takes it."""

from __future__ import annotations

import hashlib
from typing import Any

from octavo.indexed_job.own_pod import MAIN, Document, pod_like
from octavo.indexed_job.settings import JobSettings
from octavo.tasks import RETRIES

JOB_NAME, INDEX = "batch.kubernetes.io/job-name", "batch.kubernetes.io/job-completion-index"
"""The label by which Kubernetes marks a Job's pods, and the one that says which index a pod is of."""

BAD_INPUT = 2
"""The exit status of a sentence of octavo's, which another try would only say again."""

KEPT_SECONDS = 3600
"""How long Kubernetes keeps a Job that has ended and that no step deletes."""

INPUTS = "--inputs="
"""The flag that leads a pod to what it needs."""


def job_name(step: str, parts: str) -> str:
    """A name that the same loop finds again when its step is tried again, and that no other loop has.

    Args:
        step: what the Job does, such as "calibrate".
        parts: the URI of the loop's folder, whose name is one of everything that its turns follow from.
    """
    return f"octavo-{step}-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"


def job_manifest(name: str, turns: int, folder: str, pod: Document, settings: JobSettings) -> dict[str, Any]:
    """An Indexed Job whose pods are like the step's own, one for each turn.

    A pod that dies is made again, a few times; one that says why it cannot go on ends the whole. One that its node or
    Kubernetes takes away does not count.

    Args:
        name: the Job's.
        turns: how many.
        folder: the URI of what the pods need.
        pod: the step's own, with which the Job goes.
        settings: what the step was told.
    """
    template = pod_like(pod, ["octavo", "run-shard", f"{INPUTS}{folder}"], settings)
    own = pod["metadata"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": name,
            "namespace": own["namespace"],
            "labels": template["metadata"]["labels"],
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": own["name"], "uid": own["uid"]}],
        },
        "spec": {
            "completionMode": "Indexed",
            "completions": turns,
            "parallelism": min(settings.parallelism, turns),
            "backoffLimitPerIndex": RETRIES,
            "maxFailedIndexes": 0,
            "podFailurePolicy": {
                "rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
                    {
                        "action": "FailIndex",
                        "onExitCodes": {"containerName": MAIN, "operator": "In", "values": [BAD_INPUT]},
                    },
                ]
            },
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": template,
        },
    }


def inputs_of(job: Any) -> str:
    """The URI of what the pods of a Job need, read from the Job."""
    return str(job.spec.template.spec.containers[0].command[-1]).removeprefix(INPUTS)
