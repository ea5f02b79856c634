"""Runs on Kubeflow Pipelines."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from octavo.cluster.kubeflow import EXPERIMENT, asked, everything, fetched, pipeline_id, quiet
from octavo.cluster.kubernetes import kubernetes_client, pod_log
from octavo.cluster.submit.follow import AWAY_SECONDS, Failure, Progress, State, Step
from octavo.cluster.submit.parameters import Wanted, checked
from octavo.cluster.submit.pods import Pod, first_failed, pods_of_run
from octavo.cluster.submit.printed import ASKED, end_of
from octavo.errors import ClusterError, SpecError
from octavo.run_parameters import check_run, runs_in_job

EXECUTOR = "executor"
"""What Kubeflow calls all the tries of a task's pod together: its children are the tries, a try's what comes next."""

TEMPLATES = ("retry-system-container-impl", "system-container-impl")
"""The templates that such pods are of, with and without tries: they are part of a pod's name."""

STATES: dict[str, State] = {
    "PENDING": "waiting",
    "RUNNING": "running",
    "PAUSED": "running",
    "CANCELING": "running",
    "SUCCEEDED": "succeeded",
    "SKIPPED": "succeeded",
    "FAILED": "failed",
    "CANCELED": "failed",
}


class KubeflowRun:
    """A run of a registered pipeline."""

    def __init__(self, client: Any, host: str, namespace: str, run_id: str, names: Mapping[str, str]) -> None:
        self._client, self._host, self._id, self._names = client, host, run_id, names
        self._namespace = namespace or "kubeflow"
        self._tries: list[str] = []
        self.link = f"{host.rstrip('/')}/#/runs/details/{run_id}"
        self.controller = (
            "do Kubeflow's workflow-controller and ml-pipeline-persistenceagent run? See kubectl --namespace kubeflow "
            "get pods"
        )

    def progress(self) -> Progress:
        """How far it is now: the tasks of the pipeline, without the server's own."""
        run = asked(self._host, lambda: self._client.get_run(self._id), wait_seconds=AWAY_SECONDS)
        details = (run.run_details.task_details if run.run_details else None) or []
        steps = [self._step(task) for task in details if task.display_name in self._names]
        tried = (task for task in details if task.display_name == EXECUTOR)
        self._tries = [node for task in tried for node in _failed_nodes(task)]
        reason = run.error.message if run.error else ""
        return Progress(STATES.get(str(run.state), "waiting"), steps, reason)

    def failure(self, now: Progress) -> Failure:
        """The pod that failed, where a kubeconfig leads to the cluster; else what Kubeflow's API knows of it."""
        try:
            client = kubernetes_client()
            pod = first_failed(pods_of_run(client, self._namespace, self._id))
        except ClusterError as fault:
            return self._failure_without_pod(now, str(fault))
        if pod is None:
            return self._failure_without_pod(now, f"no failed pod is left in the namespace {self._namespace!r}")
        return Failure(self._name(pod), pod.reason, self._log(client, pod))

    def _name(self, pod: Pod) -> str:
        """The name of the pipeline's task that a pod is of."""
        return next((self._names[part] for part in reversed(pod.path) if part in self._names), pod.path[-1])

    def _log(self, client: Any, pod: Pod) -> str:
        try:
            return end_of(pod_log(client, self._namespace, pod.name, lines=ASKED))
        except ClusterError as fault:
            return str(fault)

    def _failure_without_pod(self, now: Progress, why: str) -> Failure:
        step = next((each for each in now.steps if each.state == "failed"), None)
        name, reason, nodes = (step.name, step.reason, step.ids) if step else ("", "", ())
        for node in (*reversed(self._tries), *nodes):
            if (log := self._log_of_node(node)) is not None:
                return Failure(name, reason, log)
        return Failure(name, reason, f"the log is in the user interface; {why}")

    def _log_of_node(self, node: str) -> str | None:
        """The log that Kubeflow's API has of a node, whether its pod is there or not; None when it has none."""
        from kfp_server_api.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        for pod in (node, *_pod_names(node)):
            with contextlib.suppress(ApiException, HTTPError):
                return end_of(fetched(self._client, f"/apis/v1alpha1/runs/{self._id}/nodes/{pod}/log"))
        return None

    def _step(self, task: Any) -> Step:
        took = (task.end_time - task.start_time).total_seconds() if task.end_time and task.start_time else 0.0
        return Step(
            key=task.task_id,
            name=self._names[task.display_name],
            state=STATES.get(str(task.state), "waiting"),
            seconds=max(took, 0.0),
            reason=task.error.message if task.error else "",
            ids=tuple(_failed_nodes(task)),
        )


def start(
    client: Any,
    host: str,
    *,
    namespace: str,
    pipeline: str,
    version: str,
    experiment: str,
    given: Mapping[str, Any],
    name: str,
) -> KubeflowRun:
    """Start a run of a registered pipeline.

    Args:
        client: a kfp.Client.
        host: its address, for messages and links.
        namespace: the profile's; "" where Kubeflow is not multi-user.
        pipeline: the pipeline's name.
        version: the version's; the newest when empty.
        experiment: made when it is missing.
        given: the parameters.
        name: the run's.

    Raises:
        SpecError: when the pipeline, the version or a parameter is not there, or a parameter is one that cannot be.
        ClusterError: as the API refuses.
    """
    found = asked(host, lambda: _version(client, namespace, pipeline, version))
    spec = found.pipeline_spec.get("pipeline_spec", found.pipeline_spec)
    declared = spec["root"]["inputDefinitions"]["parameters"]
    wanted = {key: _wanted(each) for key, each in declared.items()}
    parameters = checked(given, wanted)
    executors = spec.get("deploymentSpec", {}).get("executors", {}).values()
    steps = [each["container"] for each in executors if "container" in each]
    check_run(parameters, "Kubeflow Pipelines", in_job=runs_in_job(steps))

    def begin() -> Any:
        about = EXPERIMENT.format(pipeline=pipeline)
        made = client.create_experiment(experiment, description=about, namespace=namespace or None)
        return client.run_pipeline(
            made.experiment_id,
            name,
            params=parameters,
            pipeline_id=found.pipeline_id,
            version_id=found.pipeline_version_id,
        )

    with quiet():
        run = asked(host, begin, wait_seconds=0)  # a second try might start a second run
    return KubeflowRun(client, host, namespace, run.run_id, task_names(spec))


def _wanted(declared: Mapping[str, Any]) -> Wanted:
    """A parameter; its default goes into the run, for the user interface to show, clone and compare."""
    return Wanted(declared["parameterType"], not declared.get("isOptional"), declared.get("defaultValue"))


def task_names(spec: Mapping[str, Any]) -> dict[str, str]:
    """Task, as servers list it, by key or display name -> its display name; loops and nested pipelines left out."""
    components = spec["components"]
    dags = [spec["root"]["dag"], *(each["dag"] for each in components.values() if "dag" in each)]
    names = {
        key: str(task["taskInfo"]["name"])
        for dag in dags
        for key, task in dag["tasks"].items()
        if "dag" not in components[task["componentRef"]["name"]]
    }
    return names | {name: name for name in names.values()}


def _failed_nodes(task: Any) -> list[str]:
    """The nodes within a task that failed: what the API calls names of pods are ids of nodes."""
    return [child.pod_name for child in task.child_tasks or () if child.pod_name and str(task.state) == "FAILED"]


def _pod_names(node: str) -> list[str]:
    """The names that the pod of a node may have: WORKFLOW-TEMPLATE-HASH for the id WORKFLOW-HASH."""
    workflow, _, number = node.rpartition("-")
    return [f"{workflow}-{template}-{number}" for template in TEMPLATES]


def _version(client: Any, namespace: str, pipeline: str, version: str) -> Any:
    found = pipeline_id(client, pipeline, namespace)
    if found is None:
        raise SpecError(f"there is no pipeline {pipeline!r} on the server; install the chart, or upload pipeline.yaml")

    def page(token: str) -> Any:
        return client.list_pipeline_versions(found, page_token=token, page_size=100)

    versions = list(everything(page, "pipeline_versions"))
    chosen = [each for each in versions if version in ("", each.display_name)]
    if not chosen:
        known = ", ".join(each.display_name for each in versions) or "none"
        raise SpecError(f"the pipeline {pipeline!r} has no version {version!r}; it has {known}")
    return max(chosen, key=lambda each: each.created_at)
