"""Runs on a schedule."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.kube import eventually, find, kubectl
from cluster.release import RELEASE, Release, Run

OFTEN = "often"


@pytest.fixture(scope="module")
def release(release_of: Callable[..., Release]) -> Release:
    made = release_of("schedules")
    made.upgrade(schedules=[schedule(made)])
    return made


def schedule(release: Release, **more: object) -> dict[str, object]:
    """One that starts a run of a single shard each minute."""
    return {"name": OFTEN, "cron": "* * * * *", "parameters": {**release.parameters, "shards": 1}, **more}


def test_a_schedule_that_an_upgrade_brings_starts_runs_that_find_the_store(release: Release) -> None:
    def look() -> Run | None:
        found = find(release.namespace, "workflows", f"workflows.argoproj.io/cron-workflow={RELEASE}-{OFTEN}")
        return Run(release.namespace, found[0]["metadata"]["name"]) if found else None

    run = eventually("a run of the schedule", 120, look)
    run.has_done("fetch-model")
    given = {each["name"]: each["value"] for each in run.workflow["spec"]["arguments"]["parameters"]}

    assert given["shards"] == "1"
    assert given["model_uri"] == release.parameters["model_uri"]


def test_a_schedule_whose_run_goes_on_stays_until_that_has_ended(release: Release) -> None:
    with pytest.raises(AssertionError, match=r"would be deleted, and with it its workflow .*, which is going on"):
        release.upgrade(schedules=[])
    release.upgrade(schedules=[schedule(release, enabled=False)])
    (there,) = find(release.namespace, "cronworkflows")
    assert there["spec"]["suspend"]

    kubectl("-n", release.namespace, "delete", "workflows", "--all")
    release.upgrade(schedules=[])
    assert find(release.namespace, "cronworkflows") == []
