"""Why a pod of a Job failed, or does not start, as one sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from octavo.cluster.kubernetes import pod_log
from octavo.errors import ClusterError
from octavo.indexed_job.manifest import BAD_INPUT, INDEX
from octavo.indexed_job.own_pod import MAIN

OUT_OF_MEMORY = "OOMKilled"

SENTENCE = re.compile(r"^octavo: error: (.+)$", re.MULTILINE)
"""How octavo says why it cannot go on."""

ASKED_LINES = 20
"""Lines of a log that are asked for, where the pod's status holds none."""


@dataclass(frozen=True, slots=True)
class FailedPod:
    """A pod whose container, or which itself, has ended otherwise than well.

    Attributes:
        name: its own.
        index: its shard's.
        status: the container's exit status; None where it has none.
        reason: Kubernetes' word for it.
        printed: the end of what it printed, or what Kubernetes says in its place.
        ended: when it did.
    """

    name: str
    index: int
    status: int | None
    reason: str
    printed: str
    ended: datetime

    def why(self, memory_limit: str = "") -> str:
        """Why it failed: octavo's own sentence where there is one."""
        if self.reason == OUT_OF_MEMORY:
            limit = f", {memory_limit}" if memory_limit else ""
            return f"it needs more memory than it may use{limit} ({OUT_OF_MEMORY}); raise its limit"
        said = SENTENCE.findall(self.printed) or [line for line in self.printed.splitlines() if line.strip()]
        if said and self.status == BAD_INPUT:
            return str(said[-1])
        status = "" if self.status is None else f" (exit status {self.status})"
        return f"{self.reason or 'Error'}{status}" + (f": {said[-1]}" if said else "")


def failed_pod(pod: Any) -> FailedPod | None:
    """The pod as one that failed; None for others."""
    if pod.status.phase != "Failed":
        return None
    main = next((each for each in pod.status.container_statuses or () if each.name == MAIN), None)
    ended = main.state.terminated if main is not None and main.state else None
    of_pod = pod.status.reason
    return FailedPod(
        name=pod.metadata.name,
        index=int(pod.metadata.labels[INDEX]),
        status=None if ended is None or of_pod else ended.exit_code,
        reason=of_pod or (ended and ended.reason) or "",
        printed=(pod.status.message if of_pod else ended and ended.message) or "",
        ended=(ended and ended.finished_at) or datetime.max.replace(tzinfo=UTC),
    )


def with_log(client: Any, namespace: str, pod: FailedPod) -> FailedPod:
    """The pod with the end of its log, where its status holds none and the log is there."""
    if pod.printed:
        return pod
    try:
        printed = pod_log(client, namespace, pod.name, lines=ASKED_LINES)
    except ClusterError:
        return pod
    return FailedPod(pod.name, pod.index, pod.status, pod.reason, printed, pod.ended)


def why_waiting(pods: Sequence[Any], refusals: Sequence[str]) -> str:
    """Why no pod of a Job runs; empty where nothing is known.

    Args:
        pods: those that there are.
        refusals: why Kubernetes made none, the last one at the end.
    """
    for pod in pods:
        states = [each.state.waiting for each in pod.status.container_statuses or () if each.state]
        for waiting in filter(None, states):
            return f"{pod.metadata.name}: {waiting.reason}: {waiting.message or 'no more is told'}"
        for condition in pod.status.conditions or ():
            if condition.type == "PodScheduled" and condition.status == "False":
                return f"{pod.metadata.name}: {condition.reason}: {condition.message}"
    return refusals[-1] if refusals and not pods else ""
