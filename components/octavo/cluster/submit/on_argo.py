"""Runs on Argo Workflows, from the WorkflowTemplate that the chart installs."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from octavo.cluster.kubernetes import ARGO, SECONDS, answered, pod_log
from octavo.cluster.submit.follow import AWAY_SECONDS, Failure, Progress, State, Step
from octavo.cluster.submit.parameters import Wanted, checked
from octavo.cluster.submit.printed import ASKED, end_of
from octavo.errors import ClusterError
from octavo.run_parameters import check_run, runs_in_job

STATES: dict[str, State] = {
    "": "waiting",
    "Pending": "waiting",
    "Running": "running",
    "Succeeded": "succeeded",
    "Skipped": "succeeded",
    "Omitted": "waiting",
    "Failed": "failed",
    "Error": "failed",
}


class ArgoRun:
    """A Workflow in the cluster."""

    def __init__(self, client: Any, namespace: str, name: str) -> None:
        self._client, self._namespace, self._name = client, namespace, name
        self.link = f"kubectl --namespace {namespace} get workflow {name}"
        self.controller = (
            f"is Argo's workflow controller running, and does it watch the namespace {namespace!r}? See "
            "kubectl get deployments --all-namespaces --selector app=workflow-controller"
        )

    def progress(self) -> Progress:
        """How far it is now: one step for each pod, the tries of one pod taken together."""
        found = _custom(self._client, "get", self._namespace, "workflows", self._name, wait_seconds=AWAY_SECONDS)
        status = found.get("status", {})
        nodes = list(_nodes(status).values())
        tries = {child for node in nodes if node["type"] == "Retry" for child in node.get("children", [])}
        by_id = {node["id"]: node for node in nodes}
        steps = [_step(node, by_id) for node in nodes if _shown(node, tries)]
        return Progress(STATES.get(status.get("phase", ""), "running"), steps, status.get("message", ""))

    def failure(self, now: Progress) -> Failure:
        """The first step that failed, and the log of its last try while the pod is there."""
        step = next((each for each in now.steps if each.state == "failed"), None)
        if step is None:
            return Failure("", now.reason, "")
        return Failure(step.name, step.reason, self._log(step.ids[-1]))

    def _log(self, pod: str) -> str:
        try:
            return end_of(pod_log(self._client, self._namespace, pod, lines=ASKED))
        except ClusterError as fault:
            return str(fault)


def start(
    client: Any, *, namespace: str, template: str, given: Mapping[str, Any], wait_seconds: float = 0.0
) -> ArgoRun:
    """Start a Workflow of a WorkflowTemplate; an API that is away is waited for before that.

    Raises:
        SpecError: when a parameter is missing, not the template's, or one that cannot be.
        ClusterError: when the template is not there, or Kubernetes refuses.
    """
    found = _custom(client, "get", namespace, "workflowtemplates", template, wait_seconds=wait_seconds)
    declared = found["spec"]["arguments"]["parameters"]
    parameters = checked(given, {each["name"]: Wanted(required="value" not in each) for each in declared})
    steps = [each["container"] for each in found["spec"].get("templates", ()) if "container" in each]
    check_run(parameters, "Argo Workflows", in_job=runs_in_job(steps))
    made = _custom(client, "create", namespace, "workflows", workflow(template, parameters))
    return ArgoRun(client, namespace, made["metadata"]["name"])


def workflow(template: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The Workflow to create."""
    given = [{"name": name, "value": str(value)} for name, value in sorted(parameters.items())]
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"generateName": f"{template}-"},
        "spec": {"workflowTemplateRef": {"name": template}, "arguments": {"parameters": given}},
    }


def _custom(
    client: Any, verb: str, namespace: str, plural: str, what: Any, *, wait_seconds: float = 0.0
) -> dict[str, Any]:
    from kubernetes.client import CustomObjectsApi

    call = getattr(CustomObjectsApi(client), f"{verb}_namespaced_custom_object")
    name = what if isinstance(what, str) else what["kind"]

    def question() -> dict[str, Any]:
        made: dict[str, Any] = call(ARGO["group"], ARGO["version"], namespace, plural, what, _request_timeout=SECONDS)
        return made

    return answered(f"{plural} {name!r} in the namespace {namespace!r}", question, wait_seconds=wait_seconds)


def _nodes(status: Mapping[str, Any]) -> dict[str, Any]:
    """The states of the nodes, which Argo compresses where they are too large for a Workflow."""
    if compressed := status.get("compressedNodes"):
        found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(compressed)))
        return found
    return dict(status.get("nodes") or {})


def _shown(node: Mapping[str, Any], tries: set[str]) -> bool:
    return node["type"] == "Retry" or (node["type"] == "Pod" and node["id"] not in tries)


def _step(node: Mapping[str, Any], by_id: Mapping[str, Any]) -> Step:
    pods = [by_id[child] for child in node.get("children", []) if by_id[child]["type"] == "Pod"]
    last = pods[-1] if node["type"] == "Retry" and pods else node
    return Step(
        key=node["id"],
        name=node["displayName"],
        state=STATES.get(node.get("phase", ""), "waiting"),
        seconds=_seconds(node),
        reason=last.get("message", ""),
        ids=(_pod_name(last),),
    )


def _pod_name(node: Mapping[str, Any]) -> str:
    """The pod's name as Argo forms it: workflow-template-hash, the hash being the end of the node's id."""
    prefix, _, number = str(node["id"]).rpartition("-")
    return f"{prefix}-{node['templateName']}-{number}"


def _seconds(node: Mapping[str, Any]) -> float:
    start, end = node.get("startedAt"), node.get("finishedAt")
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() if start and end else 0.0
