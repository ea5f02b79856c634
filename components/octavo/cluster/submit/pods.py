"""The pods of a run on Kubeflow Pipelines, and which of them failed first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from octavo.cluster.kubernetes import SECONDS, answered

RUN_LABEL = "pipeline/runid"
"""The label that each pod of a run has."""

NODE_NAME = "workflows.argoproj.io/node-name"
"""The annotation with the way from the Workflow to the pod: WORKFLOW(0).root(0).TASK(0).executor(TRY)."""

_TRY = re.compile(r"\(\d+\)(?=\.|$)")
"""Kubeflow gives everything tries, so that each part of that way may end with the number of one; a turn has a colon."""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod that has ended, or not yet.

    Attributes:
        name: the pod's.
        path: the tasks on the way to it, without the number of the try.
        phase: Kubernetes' word for how far it is.
        reason: why it failed.
        ended: when its container did.
    """

    name: str
    path: tuple[str, ...]
    phase: str
    reason: str
    ended: datetime


def pods_of_run(client: Any, namespace: str, run_id: str) -> list[Pod]:
    """The pods of a run that are there.

    Raises:
        ClusterError: when Kubernetes does not answer, or refuses.
    """
    from kubernetes.client import CoreV1Api

    listed = answered(
        f"the pods of the run in the namespace {namespace!r}",
        lambda: CoreV1Api(client).list_namespaced_pod(
            namespace, label_selector=f"{RUN_LABEL}={run_id}", _request_timeout=SECONDS
        ),
    )
    return [_pod(each) for each in listed.items]


def first_failed(pods: Sequence[Pod]) -> Pod | None:
    """The last try of what failed first; None where no task failed in all its tries."""
    succeeded = {pod.path for pod in pods if pod.phase == "Succeeded"}
    failed = sorted(_failed(pods, succeeded), key=lambda pod: pod.ended)
    return next((pod for pod in reversed(failed) if pod.path == failed[0].path), None)


def _failed(pods: Iterable[Pod], succeeded: set[tuple[str, ...]]) -> Iterable[Pod]:
    return (pod for pod in pods if pod.phase == "Failed" and pod.path not in succeeded)


def _pod(found: Any) -> Pod:
    path = (found.metadata.annotations or {}).get(NODE_NAME, found.metadata.name)
    main = next((each for each in found.status.container_statuses or () if each.name == "main"), None)
    ended = main.state.terminated if main is not None and main.state else None
    return Pod(
        name=found.metadata.name,
        path=tuple(_TRY.sub("", path).split(".")),
        phase=found.status.phase or "",
        reason=_reason(found.status, ended),
        ended=(ended and ended.finished_at) or datetime.max.replace(tzinfo=UTC),
    )


def _reason(status: Any, ended: Any) -> str:
    """Kubernetes' reason for the pod (Evicted), else for its container (OOMKilled), with the exit status."""
    if status.reason:
        return f"{status.reason}: {status.message or 'no more is told'}".rstrip(".")
    if ended is None:
        return status.message or ""
    return f"{ended.reason or 'Error'} (exit status {ended.exit_code})"
