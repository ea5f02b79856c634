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
from urllib.parse import quote

import pytest
import yaml

from octavo.cluster.register.reconcile import LONGEST_DESCRIPTION
from octavo.data.preprocessing import PRESETS
from octavo.image import IMAGE
from octavo.lint_pipeline.lint import lint

Documents = tuple[dict[str, Any], dict[str, Any]]

NESTED = {"Prepare", "Calibrate", "Lower", "Evaluate"}
"""Pipelines inside the pipeline, and what a loop is called."""

LOOP = "Shards"

DISPLAY_NAMES = {
    "Look up", "Fetch model", "Summarize", "Freeze", "Optimize", "Quantize", "Insert logging", "Plan calibration",
    "Calibrate shard", "Merge logs", "Freeze ranges", "Fuse", "Plan evaluation", "Evaluate shard", "Merge evaluations",
    "Benchmark", "Report", "Publish", *NESTED, LOOP,
}  # fmt: skip

STORES = {
    "Look up", "Fetch model", "Plan calibration", "Calibrate shard", "Merge logs", "Plan evaluation", "Evaluate shard",
    "Merge evaluations", "Publish",
}  # fmt: skip
"""Pods that read or write object storage."""

MERGES = {"Merge logs": "Calibrate shard", "Merge evaluations": "Evaluate shard"}
"""What waits for all turns of a loop -> what runs in the loop."""


def dags(pipeline: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield pipeline["root"]["dag"]
    yield from (c["dag"] for c in pipeline["components"].values() if "dag" in c)


def tasks(pipeline: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Display name -> task, loops included."""
    return {task["taskInfo"]["name"]: task for dag in dags(pipeline) for task in dag["tasks"].values()}


def pods(pipeline: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Display name -> task, without loops and nested pipelines."""
    return {name: task for name, task in tasks(pipeline).items() if name not in {*NESTED, LOOP}}


def loops(pipeline: dict[str, Any]) -> dict[str, tuple[dict[str, Any], dict[str, Any], str]]:
    """What runs in a loop -> the loop's task, the DAG it stands in, and its key there."""
    found = {}
    for dag in dags(pipeline):
        for key, task in dag["tasks"].items():
            if "parameterIterator" in task:
                (inner,) = pipeline["components"][task["componentRef"]["name"]]["dag"]["tasks"].values()
                found[inner["taskInfo"]["name"]] = (task, dag, key)
    return found


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


def test_what_looks_at_the_outside_world_is_done_anew_and_the_rest_follows_from_what_it_saw(
    documents: Documents,
) -> None:
    fresh = {name for name, task in pods(documents[0]).items() if not task["cachingOptions"].get("enableCache")}

    assert fresh == {
        "Look up", "Plan calibration", "Calibrate shard", "Plan evaluation", "Evaluate shard", "Publish"
    }  # fmt: skip
    inputs = pods(documents[0])["Fetch model"]["inputs"]["parameters"]
    assert inputs["version"] == {"taskOutputParameter": {"outputParameterKey": "Output", "producerTask": "look-up"}}
    for merge, turn in MERGES.items():
        task = pods(documents[0])[merge]["inputs"]
        assert set(task["parameters"]) == {"parts"}
        assert "artifacts" not in task, "the folder's name says of which graphs and data it is"
        assert set(pods(documents[0])[turn]["inputs"]["parameters"]) == {"turn"}


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
    assert {label[key] for key in with_secret} == STORES
    for settings in with_secret.values():
        assert "secretAsEnv" not in settings
        (as_volume,) = settings["secretAsVolume"]
        assert (as_volume["secretName"], as_volume["optional"]) == ("octavo-object-store", True)


LOOPS = {"Calibrate shard": "plan-calibration", "Evaluate shard": "plan-evaluation"}


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_runs_over_typed_turns_that_come_as_an_unnamed_output(documents: Documents, name: str) -> None:
    pipeline = documents[0]
    loop, _, _ = loops(pipeline)[name]
    item = loop["parameterIterator"]["itemInput"]
    inputs = pipeline["components"][loop["componentRef"]["name"]]["inputDefinitions"]["parameters"]

    assert item == f"pipelinechannel--{LOOPS[name]}-Output-loop-item"
    assert inputs[item]["parameterType"] == "STRUCT"


@pytest.mark.parametrize("name", LOOPS)
def test_only_the_turns_reach_a_loop_as_another_tasks_parameter(documents: Documents, name: str) -> None:
    # kfp.local replaces every such parameter by the loop's item
    parameters = loops(documents[0])[name][0]["inputs"]["parameters"]

    assert list(parameters) == [f"pipelinechannel--{LOOPS[name]}-Output"]


def test_no_pod_takes_what_every_turn_of_a_loop_made(documents: Documents) -> None:
    # such a list, some 660 bytes a turn, is one word of the pod's command line, and Linux takes words of 128 KiB
    pipeline = documents[0]
    for name in LOOPS:
        component = pipeline["components"][pods(pipeline)[name]["componentRef"]["name"]]
        assert "outputDefinitions" not in component
    assert "isArtifactList" not in json.dumps(pipeline)


@pytest.mark.parametrize("merge", MERGES)
def test_a_merge_waits_for_every_turn_of_its_loop(merge: str, documents: Documents) -> None:
    _, dag, key = loops(documents[0])[MERGES[merge]]
    (task,) = [task for task in dag["tasks"].values() if task["taskInfo"]["name"] == merge]

    assert key in task["dependentTasks"]


def test_no_two_inputs_of_a_task_come_from_outputs_of_the_same_name(documents: Documents) -> None:
    # of two such edges the user interface draws one
    for dag in dags(documents[0]):
        for task in dag["tasks"].values():
            given = task.get("inputs", {}).get("artifacts", {}).values()
            sources = [each["taskOutputArtifact"] for each in given if "taskOutputArtifact" in each]
            names = [each["outputArtifactKey"] for each in sources]
            assert len(names) == len(set(names)), task["taskInfo"]["name"]


def limits(pipeline: dict[str, Any]) -> dict[str, int | None]:
    """Loop -> how many of its turns may go on at the same time; None for all."""
    return {
        name: loop.get("iteratorPolicy", {}).get("parallelismLimit") for name, (loop, _, _) in loops(pipeline).items()
    }


@pytest.mark.parametrize(("given", "limit"), [("7", 7), ("0", None)])
def test_the_turns_that_run_at_the_same_time_are_a_number_of_the_compilation(
    pipeline_folder: Path, tmp_path: Path, given: str, limit: int | None
) -> None:
    compiled = tmp_path / "pipeline.yaml"
    command = [sys.executable, str(pipeline_folder / "pipeline.py"), f"--output={compiled}"]
    subprocess.run(command, env={**os.environ, "OCTAVO_PARALLELISM": given}, check=True)
    limited, _ = yaml.safe_load_all(compiled.read_text())

    assert limits(limited) == dict.fromkeys(LOOPS, limit)


def test_the_turns_are_one_job_where_the_compilation_says_so(pipeline_folder: Path, tmp_path: Path) -> None:
    compiled = tmp_path / "pipeline.yaml"
    command = [sys.executable, str(pipeline_folder / "pipeline.py"), f"--output={compiled}"]
    subprocess.run(command, env={**os.environ, "OCTAVO_SHARDS_IN_JOB": "true"}, check=True)
    pipeline, _ = yaml.safe_load_all(compiled.read_text())

    assert loops(pipeline) == {}
    named = {name: container(pipeline, task) for name, task in pods(pipeline).items()}
    assert {name: named[name]["args"][-1] for name in ("Calibrate shards", "Evaluate shards")} == {
        "Calibrate shards": "calibrate_in_job",
        "Evaluate shards": "evaluate_in_job",
    }
    told = [
        name for name, each in named.items() if {"name": "OCTAVO_SHARDS_IN_JOB", "value": "true"} in each.get("env", ())
    ]
    assert told == ["Plan calibration", "Plan evaluation"]
    job = tasks(pipeline)["Calibrate shards"]["inputs"]["parameters"]["job"]["runtimeValue"]["constant"]
    assert job["parallelism"] == 10
    assert lint(compiled) == []


def test_ten_turns_of_a_loop_run_at_the_same_time_where_no_number_is_given(documents: Documents) -> None:
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


def test_the_description_beside_the_form_tells_every_parameter_and_every_preset(documents: Documents) -> None:
    text, parameters = (
        documents[0]["pipelineInfo"]["description"],
        documents[0]["root"]["inputDefinitions"]["parameters"],
    )

    for name, parameter in parameters.items():
        assert f"| `{name}` | {parameter['description']} |" in text.splitlines()
    for preset in PRESETS:
        assert f"`{preset}`" in text
    assert len(quote(text)) < LONGEST_DESCRIPTION, "it travels in the address of an upload"


def test_the_file_is_ascii_for_databases_that_take_no_more(pipeline_folder: Path) -> None:
    assert (pipeline_folder / "pipeline.yaml").read_bytes().isascii()
