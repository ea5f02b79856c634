"""Steps started as Kubeflow starts them: with the command and the arguments of the compiled pipeline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from octavo import components
from octavo.image import IMAGE
from octavo.pod import COLUMNS, wrapped
from octavo.run_component.run import is_artifact
from quickstart import PIPELINE, QUICKSTART

DEFAULTS = {"work_uri": "", "recipe": "", "tolerance": 1.0, "reuse": True, "preprocessing": "unit"}


def artifact(path: Path) -> dict[str, Any]:
    return {"artifacts": [{"name": path.name, "type": {"schemaTitle": "system.Artifact"}, "uri": str(path)}]}


def started(
    name: str, folder: Path, parameters: dict[str, Any], *, inputs: Sequence[str] = (), **variables: str
) -> subprocess.CompletedProcess[str]:
    """A step of the compiled pipeline that has run as Kubeflow's launcher runs it; artifacts are files of a folder."""
    pipeline, _ = yaml.safe_load_all((PIPELINE / "pipeline.yaml").read_text())
    executors = pipeline["deploymentSpec"]["executors"].values()
    container = next(each["container"] for each in executors if each["container"]["args"][-1] == name)
    spec = getattr(components, name).component_spec
    outputs = spec.outputs or {}
    artifacts = {output: artifact(folder / output) for output, each in outputs.items() if is_artifact(each.type)}
    given = {
        "inputs": {"parameterValues": parameters, "artifacts": {each: artifact(folder / each) for each in inputs}},
        "outputs": {
            "parameters": {"Output": {"outputFile": str(folder / "Output")}},
            "artifacts": artifacts,
            "outputFile": str(folder / "executor_output.json"),
        },
    }
    words = [*container["command"], *container["args"]]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [json.dumps(given) if word == "{{$}}" else word for word in words],
        env=os.environ | {"PATH": path} | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def run_of(folder: Path, **others: object) -> dict[str, Any]:
    """The parameters that look_up gets of a run with the quick start's model and data, some replaced."""
    return {
        **DEFAULTS,
        "model_uri": str(QUICKSTART.model),
        "calibration_uri": str(QUICKSTART.calibration),
        "validation_uri": str(QUICKSTART.validation),
        "target_uri": str(folder / "target"),
        **others,
    }


def test_a_step_that_succeeds_writes_what_kubeflow_reads(tmp_path: Path) -> None:
    done = started("look_up", tmp_path, run_of(tmp_path))

    version = json.loads((tmp_path / "executor_output.json").read_text())["parameterValues"]["Output"]
    assert (done.returncode, done.stdout) == (0, f"all parameters are well; the model's version is {version}\n")


def test_a_step_that_writes_graphs_says_what_it_did_and_no_library_says_anything(tmp_path: Path) -> None:
    fetched = started("fetch_model", tmp_path, {"uri": str(QUICKSTART.model), "version": ""})
    assert fetched.stdout == f"fetched {QUICKSTART.model}: graph and checkpoint, 3 files, 386,313 bytes\n"

    summarized = started("summarize_graph", tmp_path, {"input_names": "", "output_names": ""}, inputs=["model"])
    assert summarized.stdout == "the model has 118 nodes and 82,925 parameters; inputs: 'input'; outputs: 'predict'\n"
    frozen = started("freeze_graph", tmp_path, {}, inputs=["model", "summary"])
    assert frozen.stdout == "froze 42 variables; the graph has 118 nodes\n"


def test_a_step_that_fails_prints_its_sentence_alone_wrapped(tmp_path: Path) -> None:
    missing = tmp_path / ("a-long-name-" * 8) / "no data.npz"
    done = started("look_up", tmp_path, run_of(tmp_path, calibration_uri=str(missing)))

    lines = done.stdout.splitlines()
    assert done.returncode == 2
    assert lines[0].startswith("octavo: error: ")
    assert str(missing) in " ".join(lines)
    assert [line for line in lines if len(line) > COLUMNS and " " in line.strip()] == []
    assert len(lines) >= 2


def test_a_sentence_stays_on_one_line_where_a_variable_says_so(tmp_path: Path) -> None:
    data = {"calibration_uri": str(tmp_path / "missing.npz")}
    done = started("look_up", tmp_path, run_of(tmp_path, **data), OCTAVO_LOG_WIDTH="0")

    (line,) = done.stdout.splitlines()
    assert len(line) > COLUMNS


def test_a_fault_of_octavos_own_keeps_its_traceback(tmp_path: Path) -> None:
    done = started("look_up", tmp_path, {"model_uri": 7})

    assert done.returncode == 1
    assert "Traceback" in done.stdout
    assert "inputs" not in done.stdout


@pytest.mark.parametrize("name", components.__all__)
def test_a_pods_command_names_the_function_and_holds_no_source(name: str) -> None:
    container = getattr(components, name).component_spec.implementation.container

    assert container.image == IMAGE
    assert container.args == ["--executor_input", "{{$}}", "--function_to_execute", name]
    assert len(" ".join(container.command)) < 100


@given(st.lists(st.text(alphabet="ab-/:.", min_size=1, max_size=100), min_size=1), st.integers(10, 100))
def test_wrapping_parts_no_word_and_loses_none(words: list[str], columns: int) -> None:
    lines = wrapped(" ".join(words), columns).splitlines()

    assert " ".join(lines).split(" ") == words
    assert all(len(line) <= columns or " " not in line for line in lines)


def test_lines_stay_apart_and_nothing_is_wrapped_at_no_columns() -> None:
    assert wrapped("a b\nc", 2) == "a\nb\nc"
    assert wrapped("a b\nc", 0) == "a b\nc"
