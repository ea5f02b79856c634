"""Bring a server to what a registration says, with as few writes as possible: none when it is so already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from octavo.cluster.kubeflow import EXPERIMENT, TITLES, equals, everything, pipeline_id
from octavo.cluster.register.registration import Registration, Schedule
from octavo.cluster.register.retire import retire
from octavo.errors import ClusterError

PAGE = 100

LONGEST_DESCRIPTION = 6000
"""Bytes of a version's description, which goes into the address of the upload: proxies take 8 KiB of one."""


def register(client: Any, registration: Registration, pipeline_file: Path | None, *, namespace: str = "") -> list[str]:
    """Upload the version if it is absent, make the experiment, and reconcile the schedules.

    Each schedule that changed is made anew before its predecessor is disabled, so that none is ever missing; what an
    interrupted register left twice, the next one tidies. A predecessor goes when its runs are at their end.

    Args:
        client: a kfp.Client.
        registration: what should be there.
        pipeline_file: the compiled pipeline, needed where it may have to be uploaded.
        namespace: the profile's; "" where Kubeflow is not multi-user.

    Returns:
        A line for each write, and for each schedule that a run keeps from being deleted.

    Raises:
        ClusterError: when the version is absent and is not to be uploaded, or one that a schedule names is absent.
        ApiException: as the API refuses.
    """
    done: list[str] = []
    pipeline, version_id = _version(client, registration, pipeline_file, namespace, done)
    versions = _versions(client, registration, pipeline, version_id)
    there = _owned(client, registration, namespace)
    former: list[tuple[str, Any]] = []
    if registration.schedules:
        experiment_id = _experiment(client, registration.experiment, registration.pipeline, namespace, done)
        for schedule in registration.schedules:
            ids = (experiment_id, pipeline, versions[schedule.version])
            outdated = _reconcile(client, registration, schedule, ids, there.pop(schedule.name, []), done)
            former += [(f"former {schedule.name}", run) for run in outdated]
    return done + retire(client, former + _all(there), namespace=namespace)


def remove_schedules(client: Any, registration: Registration, *, namespace: str = "") -> list[str]:
    """Delete every schedule of the registration's owner, or disable it while a run of it goes on; a line for each."""
    return retire(client, _all(_owned(client, registration, namespace)), namespace=namespace)


def _all(owned: dict[str, list[Any]]) -> list[tuple[str, Any]]:
    return [(f"schedule {name}", run) for name, runs in owned.items() for run in runs]


def _versions(client: Any, registration: Registration, pipeline: str, version_id: str) -> dict[str, str]:
    """The id of each version that a schedule names; "" is the registration's own.

    Raises:
        ClusterError: when the pipeline has no such version.
    """
    found = {"": version_id}
    for schedule in registration.schedules:
        name = schedule.version
        if name not in found and (pinned := _version_id(client, pipeline, name)) is not None:
            found[name] = pinned
        if name not in found:
            raise ClusterError(
                f"the schedule {schedule.name!r} is pinned to the version {name!r}, which the pipeline "
                f"{registration.pipeline!r} has not; wanted one that is on the server, such as {registration.version}, "
                "or none for the newest"
            )
    return found


def _version(
    client: Any, registration: Registration, file: Path | None, namespace: str, done: list[str]
) -> tuple[str, str]:
    """The ids of the pipeline and of its version, which are made where they are missing."""
    name, version = registration.pipeline, registration.version
    found = pipeline_id(client, name, namespace)
    if found is not None and (version_id := _version_id(client, found, version)) is not None:
        return found, version_id
    if not registration.upload or file is None:
        raise ClusterError(
            f"the server has no version {version!r} of a pipeline {name!r}, and none is to be uploaded; apply its "
            "manifests to a server in Kubernetes-native mode, or register with `upload: true` and the compiled file"
        )
    if found is None:
        found = _create_pipeline(client, name, namespace)
        done.append(f"created the pipeline {name}")
    about = _description(file)
    made = client.upload_pipeline_version(str(file), version, pipeline_id=found, description=about)
    done.append(f"uploaded the version {version}")
    return found, str(made.pipeline_version_id)


def _description(file: Path) -> str:
    """What the compiled pipeline says of itself: its first paragraph where all of it is too long for the request."""
    spec = next(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    text = str(spec.get("pipelineInfo", {}).get("description", ""))
    return text if len(quote(text)) <= LONGEST_DESCRIPTION else text.partition("\n\n")[0]


def _version_id(client: Any, pipeline: str, name: str) -> str | None:
    found = client.list_pipeline_versions(pipeline, filter=equals("display_name", name), page_size=PAGE)
    return next((str(version.pipeline_version_id) for version in found.pipeline_versions or ()), None)


def _create_pipeline(client: Any, name: str, namespace: str) -> str:
    """An empty pipeline: `upload_pipeline` would make a version under the pipeline's own name as well."""
    import kfp_server_api

    body = kfp_server_api.V2beta1Pipeline(
        name=name,
        display_name=TITLES.get(name, name),
        description="Turns trained FP32 TensorFlow models into INT8 models",
        namespace=namespace or None,
    )
    return str(client.pipelines.pipeline_service_create_pipeline(pipeline=body).pipeline_id)


def _experiment(client: Any, name: str, pipeline: str, namespace: str, done: list[str]) -> str:
    found = client.list_experiments(filter=equals("display_name", name), namespace=namespace or "", page_size=PAGE)
    for experiment in found.experiments or ():
        return str(experiment.experiment_id)
    about = EXPERIMENT.format(pipeline=pipeline)
    made = client.create_experiment(name, description=about, namespace=namespace or None)
    done.append(f"created the experiment {name}")
    return str(made.experiment_id)


def _owned(client: Any, registration: Registration, namespace: str) -> dict[str, list[Any]]:
    """Name -> the recurring runs of this owner; two under one name are an interrupted change."""
    found: dict[str, list[Any]] = {}
    for run in _recurring_runs(client, namespace):
        if registration.checksum_in(run.description) is not None:
            found.setdefault(run.display_name, []).append(run)
    return found


def _recurring_runs(client: Any, namespace: str) -> Iterator[Any]:
    def page(token: str) -> Any:
        return client.list_recurring_runs(page_token=token, page_size=PAGE, namespace=namespace or None)

    return everything(page, "recurring_runs")


def _reconcile(
    client: Any,
    registration: Registration,
    schedule: Schedule,
    ids: tuple[str, str, str],
    there: list[Any],
    done: list[str],
) -> list[Any]:
    """Make the schedule so; the recurring runs of its name that it is not."""
    experiment_id, pipeline_id, version_id = ids
    checksum = schedule.checksum(version_id, experiment_id)
    current = [run for run in there if registration.checksum_in(run.description) == checksum]
    if current:
        _switch(client, schedule, current[0], done)
    else:
        client.create_recurring_run(
            experiment_id=experiment_id,
            job_name=schedule.name,
            description=registration.note(schedule, checksum),
            cron_expression=schedule.server_cron,
            max_concurrency=schedule.max_concurrency,
            no_catchup=True,
            params=schedule.parameters,
            pipeline_id=pipeline_id,
            version_id=version_id,
            enabled=schedule.enabled,
            service_account=schedule.service_account or None,
        )
        done.append(f"{'changed' if there else 'created'} the schedule {schedule.name}: {schedule.cron}")
    return [run for run in there if run not in current[:1]]


def _switch(client: Any, schedule: Schedule, run: Any, done: list[str]) -> None:
    """Enable or disable a schedule that somebody, or the registration, has switched."""
    if (run.mode == "ENABLE") == schedule.enabled:
        return
    if schedule.enabled:
        client.enable_recurring_run(run.recurring_run_id)
    else:
        client.disable_recurring_run(run.recurring_run_id)
    done.append(f"{'enabled' if schedule.enabled else 'disabled'} the schedule {schedule.name}")
