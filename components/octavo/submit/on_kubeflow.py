"""Runs on Kubeflow Pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from octavo.cluster import kubernetes_client, pod_log
from octavo.errors import ClusterError, SpecError
from octavo.kubeflow import asked, equals, everything, quiet
from octavo.submit.follow import Progress, State, Step
from octavo.submit.parameters import Wanted, checked

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
        self._client, self._host, self._namespace, self._id, self._names = client, host, namespace, run_id, names
        self.link = f"{host.rstrip('/')}/#/runs/details/{run_id}"

    def progress(self) -> Progress:
        """How far it is now: the tasks of the pipeline, without the server's own."""
        run = asked(self._host, lambda: self._client.get_run(self._id), wait_seconds=120)
        details = (run.run_details.task_details if run.run_details else None) or []
        steps = [self._step(task) for task in details if task.display_name in self._names]
        reason = run.error.message if run.error else ""
        return Progress(STATES.get(str(run.state), "waiting"), steps, reason)

    def log(self, step: Step) -> str:
        """The last lines of the step's pod, where a kubeconfig leads to the cluster."""
        namespace = self._namespace or "kubeflow"
        if not step.pod:
            return "its pod is not known; the log is in the user interface"
        try:
            return pod_log(kubernetes_client(), namespace, step.pod)
        except ClusterError as fault:
            return f"{fault}; the log is in the user interface"

    def _step(self, task: Any) -> Step:
        took = (task.end_time - task.start_time).total_seconds() if task.end_time and task.start_time else 0.0
        pods = [child.pod_name for child in task.child_tasks or () if child.pod_name]
        return Step(
            key=task.task_id,
            name=self._names[task.display_name],
            state=STATES.get(str(task.state), "waiting"),
            seconds=max(took, 0.0),
            reason=task.error.message if task.error else "",
            pod=task.pod_name or (pods[-1] if pods else ""),
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
        SpecError: when the pipeline, the version or a parameter is not there.
        ClusterError: as the API refuses.
    """
    found = asked(host, lambda: _version(client, namespace, pipeline, version))
    spec = found.pipeline_spec.get("pipeline_spec", found.pipeline_spec)
    declared = spec["root"]["inputDefinitions"]["parameters"]
    wanted = {key: Wanted(each["parameterType"], not each.get("isOptional")) for key, each in declared.items()}
    parameters = checked(given, wanted)

    def begin() -> Any:
        made = client.create_experiment(experiment, namespace=namespace or None)
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


def task_names(spec: Mapping[str, Any]) -> dict[str, str]:
    """Task, as servers list it, by key or display name -> its display name; loops left out."""
    dags = [spec["root"]["dag"], *(each["dag"] for each in spec["components"].values() if "dag" in each)]
    names = {
        key: str(task["taskInfo"]["name"])
        for dag in dags
        for key, task in dag["tasks"].items()
        if "parameterIterator" not in task
    }
    return names | {name: name for name in names.values()}


def _version(client: Any, namespace: str, pipeline: str, version: str) -> Any:
    listed = client.list_pipelines(filter=equals("display_name", pipeline), namespace=namespace or None)
    if not listed.pipelines:
        raise SpecError(f"there is no pipeline {pipeline!r} on the server; install the chart, or upload pipeline.yaml")
    pipeline_id = listed.pipelines[0].pipeline_id

    def page(token: str) -> Any:
        return client.list_pipeline_versions(pipeline_id, page_token=token, page_size=100)

    versions = list(everything(page, "pipeline_versions"))
    chosen = [each for each in versions if version in ("", each.display_name)]
    if not chosen:
        known = ", ".join(each.display_name for each in versions) or "none"
        raise SpecError(f"the pipeline {pipeline!r} has no version {version!r}; it has {known}")
    return max(chosen, key=lambda each: each.created_at)
