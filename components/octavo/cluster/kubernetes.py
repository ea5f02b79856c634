"""The API of Kubernetes: the client of the present kubeconfig or pod, and its failures as sentences."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from octavo.away import PASSING, StillAwayError, asked_again
from octavo.errors import ClusterError

ARGO = {"group": "argoproj.io", "version": "v1alpha1"}

SECONDS = (5, 30)
"""How long a connection, and an answer, may take."""

Answer = TypeVar("Answer")


def kubernetes_client() -> Any:
    """An ApiClient of the kubeconfig ($KUBECONFIG, ~/.kube/config), or of the pod that this runs in.

    Raises:
        ClusterError: when there is neither.
    """
    from kubernetes import client, config

    settings = client.Configuration()
    try:
        config.load_kube_config(client_configuration=settings)
    except config.ConfigException as fault:
        try:
            config.load_incluster_config(client_configuration=settings)
        except config.ConfigException:
            raise ClusterError(f"no cluster is known here: {fault}; wanted a kubeconfig (KUBECONFIG)") from fault
    settings.retries = 1
    return client.ApiClient(settings)


def answered(what: str, question: Callable[[], Answer], *, wait_seconds: float = 0.0) -> Answer:
    """The answer of Kubernetes to a question.

    Args:
        what: what is asked for, for the message.
        question: asks.
        wait_seconds: how long to ask again while Kubernetes does not answer.

    Raises:
        ClusterError: when it does not answer, or refuses.
    """
    from kubernetes.client.exceptions import ApiException
    from urllib3.exceptions import HTTPError

    def away(fault: Exception) -> bool:
        return isinstance(fault, HTTPError) or getattr(fault, "status", None) in PASSING | {500}

    try:
        return asked_again(question, away, wait_seconds=wait_seconds)
    except StillAwayError as fault:
        raise ClusterError(_absence(what, fault, wait_seconds)) from fault.__cause__
    except ApiException as fault:
        raise ClusterError(f"{what}: Kubernetes refuses ({fault.status}): {_message(fault)}") from fault


def pod_log(client: Any, namespace: str, pod: str, *, lines: int) -> str:
    """The last lines that a pod's main container printed.

    Raises:
        ClusterError: when the pod is gone, has printed nothing yet, or Kubernetes refuses.
    """
    from kubernetes import client as kubernetes

    def question() -> str:
        api = kubernetes.CoreV1Api(client)
        return str(
            api.read_namespaced_pod_log(pod, namespace, container="main", tail_lines=lines, _request_timeout=SECONDS)
        )

    return answered(f"the log of the pod {pod}", question)


def _absence(what: str, away: StillAwayError, seconds: float) -> str:
    fault = away.__cause__
    waited = f" ({away.tries} tries in {seconds:g} s)" if seconds else ""
    if getattr(fault, "status", None):
        return f"{what}: the API of Kubernetes cannot answer now{waited}: {_message(fault)}"
    return f"{what}: the API of Kubernetes does not answer{waited}: {fault}"


def _message(fault: Any) -> str:
    try:
        return str(json.loads(fault.body)["message"])
    except (ValueError, TypeError, KeyError):
        return str(fault.reason)
