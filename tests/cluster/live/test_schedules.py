"""Runs on a schedule."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cluster.kube import eventually, find
from cluster.release import RELEASE, Release, Run

OFTEN = "often"


@pytest.fixture(scope="module")
def release(release_of: Callable[..., Release]) -> Release:
    made = release_of("schedules")
    parameters = {name: value for name, value in made.parameters.items() if name != "shards"}
    made.upgrade(schedules=[{"name": OFTEN, "cron": "* * * * *", "parameters": {**parameters, "shards": 1}}])
    return made


def test_a_schedule_that_an_upgrade_brings_starts_runs_that_find_the_store(release: Release) -> None:
    def look() -> Run | None:
        found = find(release.namespace, "workflows", f"workflows.argoproj.io/cron-workflow={RELEASE}-{OFTEN}")
        return Run(release.namespace, found[0]["metadata"]["name"]) if found else None

    run = eventually("a run of the schedule", 120, look)
    run.has_done("fetch-model")
    given = {each["name"]: each["value"] for each in run.workflow["spec"]["arguments"]["parameters"]}

    assert given["shards"] == "1"
    assert given["model_uri"] == release.parameters["model_uri"]


def test_a_schedule_that_is_no_longer_listed_goes(release: Release) -> None:
    release.upgrade(schedules=[])

    assert find(release.namespace, "cronworkflows") == []
