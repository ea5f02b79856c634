"""A release of the chart on Kubeflow Pipelines: its schedules, upgraded, rolled back, taken away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.kube import eventually
from cluster.kubeflow import KubeflowRelease, KubeflowRun, needs_kubeflow
from helm_chart import Helm
from octavo.cluster.kubeflow import equals
from servers import StorageServer

pytestmark = needs_kubeflow

OFTEN = "often"
PIPELINE = "quantize-int8"


@pytest.fixture(scope="module")
def release(helm: Helm, store: StorageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeflowRelease]:
    made = KubeflowRelease(helm, store, tmp_path_factory.mktemp("kubeflow"))
    made.remove()
    made.install()
    yield made
    made.remove()


def schedules(release: KubeflowRelease) -> list[Any]:
    """The recurring runs that are there, the oldest first."""
    found = release.client.list_recurring_runs(page_size=100).recurring_runs or []
    return sorted((each for each in found if each.display_name == OFTEN), key=lambda each: str(each.created_at))


def runs(release: KubeflowRelease, recurring_run_id: str) -> list[KubeflowRun]:
    """What a recurring run has begun."""
    found = release.client.list_runs(page_size=100, sort_by="created_at desc").runs or []
    return [KubeflowRun(release.client, each.run_id) for each in found if each.recurring_run_id == recurring_run_id]


def versions(release: KubeflowRelease) -> list[str]:
    """The names of the pipeline's versions."""
    (pipeline,) = release.client.list_pipelines(filter=equals("display_name", PIPELINE)).pipelines
    found = release.client.list_pipeline_versions(pipeline.pipeline_id, page_size=100).pipeline_versions
    return [each.display_name for each in found]


def often(release: KubeflowRelease, **parameters: object) -> dict[str, object]:
    """A schedule that fires each minute."""
    return {"name": OFTEN, "cron": "* * * * *", "parameters": {**release.parameters, **parameters}}


@pytest.fixture(scope="module")
def going(release: KubeflowRelease) -> Iterator[KubeflowRun]:
    """A run that a schedule has begun, and that goes on."""
    release.upgrade(schedules=[often(release)])
    (schedule,) = schedules(release)

    def look() -> KubeflowRun | None:
        begun = runs(release, schedule.recurring_run_id)
        return begun[0] if begun else None

    run = eventually("a run of the schedule", 180, look)
    run.has_done("look-up")
    yield run
    run.end()


def test_a_changed_schedule_is_made_anew_and_its_going_run_goes_on(
    release: KubeflowRelease, going: KubeflowRun
) -> None:
    (former,) = schedules(release)
    said = release.upgrade(schedules=[often(release, shards=1)])

    assert {each.recurring_run_id: each.mode for each in schedules(release)}[former.recurring_run_id] == "DISABLE"
    assert [each.mode for each in schedules(release)] == ["DISABLE", "ENABLE"]
    assert going.id in said
    assert going.workflow is not None
    assert going.state == "RUNNING"


def test_a_schedule_that_is_no_longer_listed_begins_nothing_more(release: KubeflowRelease, going: KubeflowRun) -> None:
    release.upgrade(schedules=[])

    assert {each.mode for each in schedules(release)} <= {"DISABLE"}
    assert going.state == "RUNNING"


@pytest.mark.usefixtures("going")
def test_schedules_go_when_their_runs_have_ended(release: KubeflowRelease) -> None:
    for schedule in schedules(release):
        for run in runs(release, schedule.recurring_run_id):
            run.end()
    release.upgrade()

    assert schedules(release) == []


def test_an_upgrade_uploads_a_version_and_a_rollback_none(release: KubeflowRelease) -> None:
    before = versions(release)
    uploaded = release.upgrade(resources={"freeze": {"limits": {"memory": "5Gi"}}})
    upgraded = versions(release)
    release.command("rollback", "1", "--wait")

    assert "uploaded the version" in uploaded
    assert len(upgraded) == len(before) + 1
    assert release.registered == ""
    assert versions(release) == upgraded


def test_an_uninstalled_release_leaves_its_versions_and_takes_its_schedules(release: KubeflowRelease) -> None:
    release.upgrade(schedules=[{**often(release), "cron": "0 0 1 1 *"}])
    before = versions(release)
    release.command("uninstall", "--wait", "--timeout=300s")

    assert schedules(release) == []
    assert versions(release) == before
