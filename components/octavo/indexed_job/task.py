"""What the tasks of a pipeline on Kubeflow need beside `octavo.tasks.dressed` where turns are done in a Job."""

from __future__ import annotations

from typing import Any

from octavo.indexed_job.own_pod import NAME, NAMESPACE
from octavo.run_parameters import IN_JOB
from octavo.tasks import Size


def job_settings(parallelism: int, size: Size) -> dict[str, Any]:
    """The argument `job` of calibrate_in_job and evaluate_in_job.

    Args:
        parallelism: pods at the same time, at most.
        size: what each asks for, and what it may use at most.
    """
    return {
        "parallelism": parallelism,
        "resources": {
            "requests": {"cpu": size.cpu_request, "memory": size.memory_request},
            "limits": {"cpu": size.cpu_limit, "memory": size.memory_limit},
        },
    }


def knows_its_pod(task: Any) -> Any:
    """The task, of one of these components, told by the downward API which pod it is."""
    from kfp import kubernetes

    kubernetes.use_field_path_as_env(task, NAME, "metadata.name")
    kubernetes.use_field_path_as_env(task, NAMESPACE, "metadata.namespace")
    return task


def plans_a_job(task: Any) -> Any:
    """The task, of plan_calibration or plan_evaluation, told that a Job does its turns, of which it takes more."""
    task.set_env_variable(IN_JOB, "true")
    return task
