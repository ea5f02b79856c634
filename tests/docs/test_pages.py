"""What the pages tell a reader to type works."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler

from generate import ROOT
from octavo.cli import COMMANDS
from octavo.data.preprocessing import preprocessing
from octavo.recipe import Recipe
from octavo.storage.gcs_client import EMULATOR, KEY_FILE
from octavo.storage.s3_settings import ENDPOINTS, IDENTITY
from octavo.transform_graph.catalog import TRANSFORMS
from quickstart import PIPELINE

PAGES = [
    *(ROOT / name for name in ("README.md", "components/README.md", "docs/graph-tools.md")),
    *(ROOT / "docs" / name for name in ("images.md", "own-pipeline.md", "calibration.md")),
    *(ROOT / "docs" / name for name in ("testing-on-a-cluster.md", "testing-on-kubeflow.md")),
]
README = PAGES[0].read_text()


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language, without the indentation of a list around them."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def commands(page: str) -> list[list[str]]:
    """The octavo commands in a page's shell blocks, as argument lists."""
    text = "\n".join(blocks(page, "shell")).replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.startswith("octavo ")]
    return [shlex.split(re.sub(r" (>&?|2>).*", "", line))[1:] for line in lines]


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """The README's seven steps, run by a shell in a folder like the project's."""
    (steps,) = [block for block in blocks(README, "shell") if "summarize_graph" in block]
    folder = tmp_path_factory.mktemp("project")
    for name in ("pipelines", "tests"):
        (folder / name).symlink_to(ROOT / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-e", "-c", steps],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.int8
def test_the_seven_steps_run_as_written(tutorial: subprocess.CompletedProcess[str]) -> None:
    assert tutorial.returncode == 0, tutorial.stderr
    assert "likely input:  input " in tutorial.stdout
    assert "likely output: predict " in tutorial.stdout


@pytest.mark.int8
def test_the_seven_steps_end_in_an_int8_model_as_accurate_as_the_fp32_one(
    tutorial: subprocess.CompletedProcess[str],
) -> None:
    fp32, int8 = map(float, re.findall(r"^top-1 ([\d.]+)", tutorial.stdout, re.MULTILINE))

    assert fp32 == pytest.approx(98.9, abs=0.1)
    assert int8 >= fp32 - 0.5


@pytest.mark.parametrize("arguments", commands(README), ids=lambda arguments: arguments[0])
def test_every_octavo_command_in_the_readme_is_one(arguments: list[str]) -> None:
    name = arguments[0].replace("_", "-")
    command = importlib.import_module(COMMANDS[name][0]).command
    settings = {"token_normalize_func": lambda text: text.replace("_", "-")}

    assert command.make_context(name, arguments[1:], **settings).params


def test_the_recipe_in_the_readme_is_one() -> None:
    (document,) = blocks(README, "yaml")

    assert Recipe.parse(document) != Recipe()


def test_the_preprocessing_in_the_readme_is_one() -> None:
    (document,) = re.findall(r"`(\{preset: [^`]*\})`", README)

    assert preprocessing(document).resize == "squash"


def test_the_client_example_gives_the_pipeline_its_parameters() -> None:
    (example,) = [block for block in blocks(README, "python") if "kfp.client" in block]
    (arguments,) = [node for node in ast.walk(ast.parse(example)) if isinstance(node, ast.Dict)]
    given = set(ast.literal_eval(arguments))
    parameters: dict[str, Any] = next(yaml.safe_load_all((PIPELINE / "pipeline.yaml").read_text()))["root"][
        "inputDefinitions"
    ]["parameters"]

    assert given <= parameters.keys()
    assert {name for name, each in parameters.items() if not each.get("isOptional")} <= given


def test_the_pipeline_in_the_catalogue_compiles(tmp_path: Path) -> None:
    (example,) = blocks(PAGES[1].read_text(), "python")
    names: dict[str, Any] = {}
    exec(compile(example, "components/README.md", "exec", dont_inherit=True), names)

    compiler.Compiler().compile(names["summarize"], str(tmp_path / "summarize.yaml"))


def test_every_variable_of_the_stores_is_in_the_readme() -> None:
    keys = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", KEY_FILE}
    variables = {*ENDPOINTS["s3"], *ENDPOINTS["minio"], *IDENTITY, *keys, EMULATOR}
    assert [name for name in variables if f"`{name}`" not in README] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    targets = re.findall(r"\]\(([^)#]+)\)", text)
    anchors = re.findall(r"\]\(#([^)]+)\)", text)

    assert [target for target in targets if not (page.parent / target).exists()] == []
    assert [anchor for anchor in anchors if f"\n## {anchor}\n" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(r"`((?:pipelines|components|docs|tests)/[\w/.]+)`", page.read_text())

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_page_on_the_graph_tools_names_transforms_that_exist() -> None:
    section = PAGES[2].read_text().split("## transform_graph\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split(" | ")[0])}

    assert named <= {transform.__name__ for transform in TRANSFORMS}
