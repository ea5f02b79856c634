"""The step's own pod, and pods like it: what the platform gives a step, its shards get as well."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from octavo.cluster.kubernetes import SECONDS, answered
from octavo.errors import ClusterError
from octavo.indexed_job.settings import JobSettings

Document = dict[str, Any]

NAME, NAMESPACE = "POD_NAME", "POD_NAMESPACE"
"""Variables by which a step knows its pod; the downward API fills them: metadata.name and metadata.namespace."""

MAIN = "main"
"""The container that does the work, in a pod of Argo's, of Kubeflow's, and of a Job of ours."""

PLACED = (
    "affinity",
    "imagePullSecrets",
    "nodeSelector",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "securityContext",
    "tolerations",
)
"""What of a pod says where it runs and as whom."""

MOUNTED = ("secret", "configMap", "csi")
"""Kinds of volumes that shards share with the step: keys and certificates."""

TOKENS = "/var/run/secrets/"
"""Where tokens are mounted: Kubernetes' own, and those of clouds, which give each pod its own."""

OF_OTHERS = re.compile(
    r"^(batch\.kubernetes\.io/|controller-uid$|job-name$|pipelines?/|pod-template-hash$"
    r"|([^/]*\.)?(argoproj\.io|kubeflow\.org|cncf\.io|projectcalico\.org|ovn\.org|openshift\.io)/"
    r"|(kubectl|cni)\.[^/]*/|kubernetes\.io/|sidecar\.istio\.io/status$)"
)
"""Labels and annotations by which what made a pod, or what saw to it, knows it again."""

VARIABLES_OF_OTHERS = re.compile(r"^(ARGO|KFP|POD)_|^AWS_(ROLE_ARN|WEB_IDENTITY|CONTAINER)|^AZURE_FEDERATED")
"""Variables that are of one pod alone; clouds give each pod its own."""


def own_pod(client: Any) -> Document:
    """The pod that this runs in, as Kubernetes has it.

    Raises:
        ClusterError: when the variables do not name it, or Kubernetes does not answer or refuses.
    """
    from kubernetes.client import CoreV1Api

    name, namespace = _variable(NAME, "metadata.name"), _variable(NAMESPACE, "metadata.namespace")
    found = answered(
        f"the step's own pod {name!r}",
        lambda: CoreV1Api(client).read_namespaced_pod(name, namespace, _request_timeout=SECONDS),
    )
    document: Document = client.sanitize_for_serialization(found)
    return document


def _variable(name: str, field: str) -> str:
    if not (found := os.environ.get(name)):
        raise ClusterError(
            f"{name} is not set, so the step does not know its own pod, which its shards' pods are made after; set it "
            f"in the step by the downward API ({field})"
        )
    return found


def pod_like(pod: Document, command: list[str], settings: JobSettings) -> Document:
    """The template of pods that run a command where, as whom and with the keys with which a step's pod does.

    Args:
        pod: the step's.
        command: theirs.
        settings: what is different for them.
    """
    spec, main = pod["spec"], _main(pod)
    mounts = [each for each in main.get("volumeMounts", ()) if not each["mountPath"].startswith(TOKENS)]
    volumes = [each for each in spec.get("volumes", ()) if _is_of(each, mounts)]
    shared = {each["name"] for each in volumes}
    container = {
        "name": MAIN,
        "image": main["image"],
        "imagePullPolicy": main["imagePullPolicy"],
        "command": command,
        "env": [each for each in main.get("env", ()) if not VARIABLES_OF_OTHERS.search(each["name"])],
        "resources": {kind: dict(amounts) for kind, amounts in settings.resources.items()},
        "securityContext": main.get("securityContext", {}),
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  the pod's own folder
            *(each for each in mounts if each["name"] in shared),
        ],
    }
    return {
        "metadata": {kind: _own(pod["metadata"].get(kind, {})) for kind in ("labels", "annotations")},
        "spec": {
            **{name: spec[name] for name in PLACED if name in spec},
            "restartPolicy": "Never",
            "enableServiceLinks": False,
            "serviceAccountName": settings.service_account or spec["serviceAccountName"],
            "automountServiceAccountToken": False,
            "containers": [container],
            "volumes": [{"name": "tmp", "emptyDir": {}}, *volumes],
        },
    }


def _main(pod: Document) -> Document:
    found: Document = next(each for each in pod["spec"]["containers"] if each["name"] == MAIN)
    return found


def _is_of(volume: Document, mounts: list[Document]) -> bool:
    mounted = volume["name"] in {each["name"] for each in mounts}
    return mounted and volume["name"] != "tmp" and not volume.keys().isdisjoint(MOUNTED)


def _own(entries: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in entries.items() if not OF_OTHERS.search(name)}
