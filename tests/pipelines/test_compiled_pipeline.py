"""What the compiled pipeline says, and what it must not: constructs that compile, then fail on a server."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from octavo.image import IMAGE

Documents = tuple[dict[str, Any], dict[str, Any]]

DISPLAY_NAMES = {
    "Fetch model", "Summarize", "Freeze", "Optimize", "Quantize", "Insert logging", "Plan shards",
    "Calibrate shards", "Calibrate", "Merge logs", "Freeze ranges", "Fuse", "Evaluate FP32", "Evaluate INT8",
    "Benchmark", "Report", "Publish", "Plan evaluation", "Evaluate FP32 shards", "Evaluate INT8 shards",
    "Merge FP32 evaluations", "Merge INT8 evaluations", "Clear parts",
}  # fmt: skip


LEAVING_AND_GATHERING = {"Merge logs", "Merge FP32 evaluations", "Merge INT8 evaluations", "Clear parts"}
"""Pods that read or clear what those of a loop left in the store."""


def dags(pipeline: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield pipeline["root"]["dag"]
    yield from (c["dag"] for c in pipeline["components"].values() if "dag" in c)


def tasks(pipeline: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Display name -> task, loops included."""
    return {task["taskInfo"]["name"]: task for dag in dags(pipeline) for task in dag["tasks"].values()}


def pods(pipeline: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Display name -> task, without loops."""
    return {name: task for name, task in tasks(pipeline).items() if "parameterIterator" not in task}


def container(pipeline: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    label = pipeline["components"][task["componentRef"]["name"]]["executorLabel"]
    found: dict[str, Any] = pipeline["deploymentSpec"]["executors"][label]["container"]
    return found


def test_the_checked_in_file_is_what_the_definition_compiles_to(
    definition: ModuleType, pipeline_folder: Path, tmp_path: Path
) -> None:
    definition.compile_pipeline(tmp_path / "pipeline.yaml")

    current = (tmp_path / "pipeline.yaml").read_text()
    assert (pipeline_folder / "pipeline.yaml").read_text() == current, "run `make compile` and check in the result"


def test_every_stage_is_there_under_its_display_name(documents: Documents) -> None:
    assert set(tasks(documents[0])) == DISPLAY_NAMES


def test_every_pod_runs_the_one_image_and_installs_nothing(documents: Documents) -> None:
    containers = [container(documents[0], task) for task in pods(documents[0]).values()]

    assert {c["image"] for c in containers} == {IMAGE}
    assert not [c for c in containers if "pip install" in json.dumps(c)]


@pytest.mark.parametrize(
    "field", ["resourceCpuRequest", "resourceCpuLimit", "resourceMemoryRequest", "resourceMemoryLimit"]
)
def test_every_pod_has_resources(documents: Documents, field: str) -> None:
    pipeline = documents[0]
    without = {name for name, task in pods(pipeline).items() if not container(pipeline, task)["resources"].get(field)}
    assert without == set()


def test_every_pod_is_retried_with_back_off(documents: Documents) -> None:
    for name, task in pods(documents[0]).items():
        policy = task["retryPolicy"]
        waits = [15 * 2**again for again in range(policy["maxRetryCount"])]
        assert (policy["backoffDuration"], policy["backoffFactor"]) == ("15s", 2), name
        assert sum(waits) > 5 * 60, "a store that is away for five minutes costs no run"


def test_no_try_is_ended_because_earlier_ones_took_long(documents: Documents) -> None:
    allowed = {task["retryPolicy"]["backoffMaxDuration"] for task in pods(documents[0]).values()}

    assert allowed == {"86400s"}, "Kubeflow counts from the first try's beginning"


def test_every_pod_passes_the_restricted_standard_as_whatever_user_the_namespace_has(documents: Documents) -> None:
    pipeline, platform = documents
    settings = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]

    assert settings.keys() == pipeline["deploymentSpec"]["executors"].keys()
    assert [each["securityContext"] for each in settings.values()] == [{"runAsNonRoot": True}] * len(settings)


def test_what_reads_or_writes_mutable_things_or_the_clock_is_never_cached(documents: Documents) -> None:
    fresh = {name for name, task in pods(documents[0]).items() if not task["cachingOptions"].get("enableCache")}

    assert fresh == {
        "Fetch model",
        "Plan shards",
        "Plan evaluation",
        "Calibrate",
        "Evaluate FP32",
        "Evaluate INT8",
        "Benchmark",
        "Publish",
        *LEAVING_AND_GATHERING,
    }


def test_pods_that_touch_storage_get_the_secret_and_do_without_it_where_it_is_absent(
    documents: Documents,
) -> None:
    pipeline, platform = documents
    executors = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    label = {
        pipeline["components"][task["componentRef"]["name"]]["executorLabel"]: name
        for name, task in pods(pipeline).items()
    }

    with_secret = {key: settings for key, settings in executors.items() if settings.keys() != {"securityContext"}}
    assert {label[key] for key in with_secret} == {
        "Fetch model", "Plan shards", "Plan evaluation", "Calibrate", "Evaluate FP32", "Evaluate INT8", "Publish",
        *LEAVING_AND_GATHERING,
    }  # fmt: skip
    for settings in with_secret.values():
        assert "secretAsEnv" not in settings
        (as_volume,) = settings["secretAsVolume"]
        assert (as_volume["secretName"], as_volume["optional"]) == ("octavo-object-store", True)


LOOPS = {
    "Calibrate shards": "plan-shards",
    "Evaluate FP32 shards": "plan-shards-2",
    "Evaluate INT8 shards": "plan-shards-2",
}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_runs_over_typed_shards_that_come_as_an_unnamed_output(documents: Documents, name: str) -> None:
    pipeline = documents[0]
    loop = tasks(pipeline)[name]
    item = loop["parameterIterator"]["itemInput"]
    inputs = pipeline["components"][loop["componentRef"]["name"]]["inputDefinitions"]["parameters"]

    assert item == f"pipelinechannel--{LOOPS[name]}-Output-loop-item"
    assert inputs[item]["parameterType"] == "STRUCT"


@pytest.mark.parametrize("name", LOOPS)
def test_only_the_shards_reach_a_loop_as_another_tasks_parameter(documents: Documents, name: str) -> None:
    # kfp.local replaces every such parameter by the loop's item
    parameters = tasks(documents[0])[name]["inputs"]["parameters"]

    from_tasks = [name for name, source in parameters.items() if "taskOutputParameter" in source]
    assert from_tasks == [f"pipelinechannel--{LOOPS[name]}-Output"]


def test_no_pod_takes_what_every_turn_of_a_loop_made(documents: Documents) -> None:
    # such a list, some 660 bytes a turn, is one word of the pod's command line, and Linux takes words of 128 KiB
    pipeline = documents[0]
    loops = {key for key, task in pipeline["root"]["dag"]["tasks"].items() if "parameterIterator" in task}
    for task in pods(pipeline).values():
        given = task.get("inputs", {})
        sources = [*given.get("artifacts", {}).values(), *given.get("parameters", {}).values()]
        taken = {
            inner["producerTask"]
            for each in sources
            for inner in each.values()
            if isinstance(inner, dict)
            if "producerTask" in inner
        }
        assert not taken & loops, task["taskInfo"]["name"]
    assert "isArtifactList" not in json.dumps(pipeline)


@pytest.mark.parametrize(
    ("merge", "loop"),
    [
        ("Merge logs", "Calibrate shards"),
        ("Merge FP32 evaluations", "Evaluate FP32 shards"),
        ("Merge INT8 evaluations", "Evaluate INT8 shards"),
    ],
)
def test_a_merge_waits_for_every_turn_of_its_loop(merge: str, loop: str, documents: Documents) -> None:
    keys = {task["taskInfo"]["name"]: key for key, task in documents[0]["root"]["dag"]["tasks"].items()}

    assert keys[loop] in tasks(documents[0])[merge]["dependentTasks"]


def limits(pipeline: dict[str, Any]) -> dict[str, int | None]:
    """Loop -> how many of its turns may go on at the same time; None for all."""
    return {name: tasks(pipeline)[name].get("iteratorPolicy", {}).get("parallelismLimit") for name in LOOPS}


@pytest.mark.parametrize(("given", "limit"), [("7", 7), ("0", None)])
def test_the_shards_that_run_at_the_same_time_are_a_number_of_the_compilation(
    pipeline_folder: Path, tmp_path: Path, given: str, limit: int | None
) -> None:
    compiled = tmp_path / "pipeline.yaml"
    command = [sys.executable, str(pipeline_folder / "pipeline.py"), f"--output={compiled}"]
    subprocess.run(command, env={**os.environ, "OCTAVO_PARALLELISM": given}, check=True)
    limited, _ = yaml.safe_load_all(compiled.read_text())

    assert limits(limited) == dict.fromkeys(LOOPS, limit)


def test_ten_shards_of_a_loop_run_at_the_same_time_where_no_number_is_given(documents: Documents) -> None:
    assert limits(documents[0]) == dict.fromkeys(LOOPS, 10)


def test_no_placeholder_that_a_server_leaves_unresolved(pipeline_folder: Path, documents: Documents) -> None:
    text = (pipeline_folder / "pipeline.yaml").read_text()

    assert "IfPresent" not in text
    assert '{"Concat"' not in text
    placeholders = [
        part for task in pods(documents[0]).values() for part in container(documents[0], task)["args"] if "{{$" in part
    ]
    assert set(placeholders) == {"{{$}}"}
    assert not re.search(r"\]\.metadata\[", text)


def test_no_optional_artifact_and_no_importer(documents: Documents) -> None:
    pipeline = documents[0]
    optional = [
        name
        for name, component in pipeline["components"].items()
        for artifact in component.get("inputDefinitions", {}).get("artifacts", {}).values()
        if artifact.get("isOptional")
    ]
    assert optional == []
    assert all("container" in executor for executor in pipeline["deploymentSpec"]["executors"].values())


def test_every_pipeline_parameter_is_described(documents: Documents) -> None:
    parameters = documents[0]["root"]["inputDefinitions"]["parameters"]

    assert [name for name, parameter in parameters.items() if not parameter.get("description")] == []


def test_the_file_is_ascii_for_databases_that_take_no_more(pipeline_folder: Path) -> None:
    assert (pipeline_folder / "pipeline.yaml").read_bytes().isascii()
