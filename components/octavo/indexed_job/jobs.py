"""The Job in the cluster: made, asked for, deleted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from octavo.cluster.kubernetes import SECONDS, answered
from octavo.errors import ClusterError
from octavo.indexed_job.manifest import JOB_NAME
from octavo.indexed_job.reasons import FailedPod, failed_pod, why_waiting, with_log

AWAY_SECONDS = 600.0
"""How long the API may be away: the pods go on meanwhile."""

GOING_SECONDS = 120.0
"""How long a Job may take to go that is being deleted."""

PAUSE_SECONDS = 1.0

TIMES = {"_request_timeout": SECONDS}

FAILED = ("Failed", "FailureTarget")
"""Conditions of a Job that has failed; the second one while its other pods are being stopped."""


class Job:
    """A Job that is in the cluster, or not.

    Args:
        client: the API's.
        namespace: where it is.
        name: its own.
    """

    def __init__(self, client: Any, namespace: str, name: str) -> None:
        self._client, self.namespace, self.name = client, namespace, name
        self.title = f"the Job {name!r} in the namespace {namespace!r}"

    def usable(self) -> Any:
        """The Job that is there and goes on, or has ended well; None where there is none. One that has failed goes.

        Raises:
            ClusterError: when Kubernetes does not answer or refuses, or the failed Job does not go.
        """
        found = self.find()
        if found is None or (found.metadata.deletion_timestamp is None and not has(found, *FAILED)):
            return found
        self.delete()
        self._wait_until_gone()
        return None

    def find(self) -> Any:
        """The Job as it is now; None where there is none."""
        return self._asked(404, lambda api: api.read_namespaced_job(self.name, self.namespace, **TIMES))

    def create(self, manifest: Mapping[str, Any]) -> Any:
        """Make it; None where there is one of its name.

        Raises:
            ClusterError: when Kubernetes does not answer, refuses, or does not try single indexes again.
        """
        made = self._asked(409, lambda api: api.create_namespaced_job(self.namespace, manifest, **TIMES))
        if made is not None and made.spec.backoff_limit_per_index is None:
            raise ClusterError(f"{self.title}: Kubernetes here is too old to try single indexes again; wanted 1.29")
        return made

    def delete(self) -> None:
        """Take it away with its pods, where it is there."""
        self._asked(
            404,
            lambda api: api.delete_namespaced_job(self.name, self.namespace, propagation_policy="Background", **TIMES),
        )

    def failed_pods(self) -> list[FailedPod]:
        """Its pods that have failed and are still there, the first one first."""
        failed = filter(None, map(failed_pod, self._pods("status.phase=Failed")))
        return sorted(failed, key=lambda pod: pod.ended)

    def told(self, pod: FailedPod) -> FailedPod:
        """A pod with the end of its log."""
        return with_log(self._client, self.namespace, pod)

    def why_waiting(self) -> str:
        """Why no pod of it runs; empty where nothing is known."""
        pods = self._pods("status.phase=Pending")
        return why_waiting(pods, [] if pods else self._refusals())

    def _wait_until_gone(self) -> None:
        end = time.monotonic() + GOING_SECONDS
        while self.find() is not None:
            if time.monotonic() > end:
                raise ClusterError(f"{self.title} has failed before and does not go: not within {GOING_SECONDS:g} s")
            time.sleep(PAUSE_SECONDS)

    def _pods(self, fields: str) -> list[Any]:
        from kubernetes.client import CoreV1Api

        listed = answered(
            f"the pods of {self.title}",
            lambda: CoreV1Api(self._client).list_namespaced_pod(
                self.namespace, label_selector=f"{JOB_NAME}={self.name}", field_selector=fields, **TIMES
            ),
            wait_seconds=AWAY_SECONDS,
        )
        return list(listed.items)

    def _refusals(self) -> list[str]:
        """Why Kubernetes made no pod of it."""
        from kubernetes.client import CoreV1Api

        fields = f"involvedObject.name={self.name},reason=FailedCreate"
        try:
            listed = answered(
                "events",
                lambda: CoreV1Api(self._client).list_namespaced_event(self.namespace, field_selector=fields, **TIMES),
            )
        except ClusterError as fault:
            return [f"there is none; {fault}; see kubectl --namespace {self.namespace} describe job {self.name}"]
        return [each.message for each in listed.items]

    def _asked(self, nothing: int, question: Callable[[Any], Any]) -> Any:
        """The answer of the API of Jobs; None where it is of a certain status."""
        from kubernetes.client import BatchV1Api
        from kubernetes.client.exceptions import ApiException

        def asked() -> Any:
            try:
                return question(BatchV1Api(self._client))
            except ApiException as fault:
                if fault.status == nothing:
                    return None
                raise

        return answered(self.title, asked, wait_seconds=AWAY_SECONDS)


def has(job: Any, *conditions: str) -> bool:
    """Whether one of a Job's conditions is met."""
    return any(each.type in conditions and each.status == "True" for each in job.status.conditions or ())


def failed_indexes(job: Any) -> set[int]:
    """The indexes that are not tried again, which Kubernetes writes as 1,3-5."""
    spans = [part.partition("-") for part in (job.status.failed_indexes or "").split(",") if part]
    return {index for first, _, last in spans for index in range(int(first), int(last or first) + 1)}
