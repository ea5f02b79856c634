"""Checks of a namespace, through the API of Kubernetes."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from octavo.cluster.doctor.finding import Finding, found
from octavo.cluster.kubernetes import ARGO, SECONDS, answered
from octavo.errors import ClusterError

VNNI_LABELS = tuple(f"feature.node.kubernetes.io/cpu-cpuid.{name}" for name in ("AVX512VNNI", "AVXVNNI", "AMXINT8"))
"""What node-feature-discovery calls the INT8 instructions."""

LARGEST = {"requests.cpu": 2.0, "limits.cpu": 4.0, "requests.memory": 4 * 2.0**30, "limits.memory": 8 * 2.0**30}
"""The largest amounts that a step of the pipeline asks for; cores and bytes."""

PULL_SECONDS = 300.0
"""How long an image may take to be pulled and started."""

UNITS = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40}


def secret(client: Any, namespace: str, name: str) -> Finding:
    """Whether the Secret with the object store's keys is there, and what it holds."""
    return found(f"Secret {name}", lambda: _secret(client, namespace, name))


def nodes(client: Any, selector: str) -> Finding:
    """Whether a node that pods may go to has INT8 instructions."""
    subject = "nodes with INT8 instructions"
    try:
        text, known = _nodes(client, selector)
    except ClusterError as fault:
        return Finding("note", subject, f"{fault}; ask somebody who may list nodes")
    return Finding("ok" if known else "note", subject, text)


def quota(client: Any, namespace: str) -> Finding:
    """Whether the namespace's quotas leave room for the largest step."""
    return found("quota", lambda: _quota(client, namespace))


def workflow_template(client: Any, namespace: str, name: str) -> Finding:
    """Whether the chart's WorkflowTemplate is installed."""

    def check() -> str:
        from kubernetes.client import CustomObjectsApi

        def question() -> Any:
            get = CustomObjectsApi(client).get_namespaced_custom_object
            where = (ARGO["group"], ARGO["version"], namespace, "workflowtemplates", name)
            return get(*where, _request_timeout=SECONDS)

        steps = answered(f"the WorkflowTemplate {name!r} in {namespace!r}", question)["spec"]["templates"]
        return f"installed, {len(steps) - 1} steps"

    return found(f"WorkflowTemplate {name}", check)


def image(client: Any, namespace: str, name: str, pull_secrets: tuple[str, ...]) -> Finding:
    """Whether a pod of the namespace can pull the image and run it; makes such a pod, and deletes it."""
    return found(f"image {name}", lambda: _image(client, namespace, name, pull_secrets))


def amount(text: str) -> float:
    """A Kubernetes quantity in cores or bytes: "500m" is 0.5, "4Gi" is 4294967296."""
    for unit in sorted(UNITS, key=len, reverse=True):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * UNITS[unit]
    return float(text)


def _secret(client: Any, namespace: str, name: str) -> str:
    from kubernetes.client import CoreV1Api

    made = answered(
        f"the Secret {name!r} in {namespace!r}",
        lambda: CoreV1Api(client).read_namespaced_secret(name, namespace, _request_timeout=SECONDS),
    )
    entries = sorted(made.data or {})
    pair = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & set(entries)
    if len(pair) == 1:
        raise ClusterError(
            f"holds only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY ({pair.pop()}); add the other"
        )
    if not pair and "GOOGLE_APPLICATION_CREDENTIALS" not in entries:
        raise ClusterError(f"holds no keys of a store but {', '.join(entries) or 'nothing'}; see docs/object-stores.md")
    return f"holds {', '.join(entries)}"


def _nodes(client: Any, selector: str) -> tuple[str, bool]:
    from kubernetes.client import CoreV1Api

    listed = answered(
        "the list of nodes", lambda: CoreV1Api(client).list_node(label_selector=selector, _request_timeout=SECONDS)
    ).items
    labels: list[Mapping[str, str]] = [node.metadata.labels or {} for node in listed]
    fit = [each for each in labels if any(each.get(name) == "true" for name in VNNI_LABELS)]
    if fit:
        return f"{len(fit)} of {len(labels)}", True
    if any(name.startswith("feature.node.kubernetes.io/cpu-cpuid.") for each in labels for name in each):
        return f"none of {len(labels)}; steps that run INT8 graphs would refuse to: add nodes, or choose others", False
    return (
        f"not known of {len(labels)} nodes: install node-feature-discovery, or label them and set nodeSelector",
        False,
    )


def _quota(client: Any, namespace: str) -> str:
    from kubernetes.client import CoreV1Api

    quotas = answered(
        "the quotas", lambda: CoreV1Api(client).list_namespaced_resource_quota(namespace, _request_timeout=SECONDS)
    ).items
    for each in quotas:
        hard, used = each.status.hard or {}, each.status.used or {}
        for resource, needed in LARGEST.items():
            if resource in hard and amount(hard[resource]) - amount(used.get(resource, "0")) < needed:
                raise ClusterError(
                    f"{each.metadata.name!r} leaves {resource} of {hard[resource]} with {used.get(resource, '0')} in "
                    f"use; the largest step needs {needed:g}: raise the quota, or the step's `resources` in the chart"
                )
    return f"room for the largest step in {len(quotas)} quotas" if quotas else "none is set"


def _image(client: Any, namespace: str, name: str, pull_secrets: tuple[str, ...]) -> str:
    from kubernetes.client import CoreV1Api

    api, pod = CoreV1Api(client), f"octavo-doctor-{uuid.uuid4().hex[:8]}"
    body = _probe(pod, name, pull_secrets)
    answered("a pod", lambda: api.create_namespaced_pod(namespace, body, _request_timeout=SECONDS))
    try:
        return _outcome(api, namespace, pod)
    finally:
        answered("the pod's end", lambda: api.delete_namespaced_pod(pod, namespace, _request_timeout=SECONDS))


def _outcome(api: Any, namespace: str, pod: str) -> str:
    """What became of the probe's pod: pulled and run, or why not."""
    end = time.monotonic() + PULL_SECONDS
    while time.monotonic() < end:
        status = answered("the pod", lambda: api.read_namespaced_pod(pod, namespace, _request_timeout=SECONDS)).status
        if status.phase == "Succeeded":
            return "pulled, and `octavo --version` ran"
        if status.phase == "Failed":
            raise ClusterError(f"was pulled, but `octavo --version` failed: {status.message or 'no reason is given'}")
        for container in status.container_statuses or ():
            waiting = container.state.waiting if container.state else None
            if waiting is not None and waiting.reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
                raise ClusterError(
                    f"cannot be pulled: {waiting.message or waiting.reason}; see image.registry and image.pullSecrets"
                )
        time.sleep(1)
    raise ClusterError(f"did not start in {PULL_SECONDS:g} s; see `kubectl --namespace {namespace} describe pod`")


def _probe(pod: str, image_name: str, pull_secrets: tuple[str, ...]) -> dict[str, Any]:
    """A hardened pod that prints the version."""
    container = {
        "name": "main",
        "image": image_name,
        "command": ["octavo", "--version"],
        "resources": {part: {"cpu": "100m", "memory": "256Mi"} for part in ("requests", "limits")},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": pod, "labels": {"app.kubernetes.io/name": "octavo"}},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "imagePullSecrets": [{"name": each} for each in pull_secrets],
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [container],
        },
    }
