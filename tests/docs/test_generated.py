"""What the documentation takes from the code is what the code says now."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from generate import ROOT, generated
from octavo import components
from octavo.data.preprocessing import PRESETS, Preprocessing
from octavo.recipe import Recipe
from page_parts import in_sections, table
from picture import reduced
from quickstart import PIPELINE


@pytest.fixture(scope="module")
def files() -> dict[Path, str]:
    return generated()


@pytest.fixture(scope="module")
def compiled() -> tuple[dict[str, Any], dict[str, Any]]:
    pipeline, platform = yaml.safe_load_all((PIPELINE / "pipeline.yaml").read_text())
    return pipeline, platform


@pytest.mark.parametrize(
    "name", ["README.md", "components/README.md", "docs/architecture.md", "docs/images/pipeline.svg"]
)
def test_a_generated_file_is_current(files: dict[Path, str], name: str) -> None:
    assert (ROOT / name).read_text() == files[ROOT / name], "run `make docs` and check in the result"


def test_the_readme_has_every_field_preset_and_parameter(
    files: dict[Path, str], compiled: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    parameters = compiled[0]["root"]["inputDefinitions"]["parameters"]
    rows = [line.split(" | ")[0].strip("| `") for line in files[ROOT / "README.md"].splitlines()]

    for name in (*parameters, *Recipe.model_fields, *Preprocessing.model_fields, *PRESETS):
        assert name in rows


def test_the_catalogue_has_every_component_with_every_input_and_output(files: dict[Path, str]) -> None:
    page = files[ROOT / "components" / "README.md"]

    for name in components.__all__:
        entry = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        spec = getattr(components, name).component_spec
        for each in (*(spec.inputs or ()), *(spec.outputs or ())):
            assert f"| `{each}` |" in entry
        assert "|  |\n" not in entry


def test_the_picture_has_every_task_that_runs_a_container(
    files: dict[Path, str], compiled: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    picture = ET.fromstring(files[ROOT / "docs" / "images" / "pipeline.svg"])
    drawn = [element.text for element in picture.iter() if element.tag.endswith("text")]
    components = compiled[0]["components"]
    dags = [compiled[0]["root"]["dag"], *(each["dag"] for each in components.values() if "dag" in each)]
    tasks = [task for dag in dags for task in dag["tasks"].values()]
    names = [task["taskInfo"]["name"] for task in tasks if "dag" not in components[task["componentRef"]["name"]]]

    assert sorted(text for text in drawn if text is not None and text in names) == sorted(names)
    assert len(drawn) == len(names) + 3


def test_an_arrow_that_follows_from_others_is_left_out() -> None:
    links = {"a": frozenset[str](), "b": frozenset({"a"}), "c": frozenset({"a", "b"}), "d": frozenset({"a"})}

    assert reduced(links) == {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"a"}}


def test_a_pipe_in_a_cell_does_not_end_it() -> None:
    assert table(["a"], [["x|y"]]) == "| a |\n| --- |\n| x\\|y |"


def test_a_section_without_a_place_in_the_page_is_an_error() -> None:
    page = "top\n<!-- generated: one -->\nold\n<!-- end -->\nend"

    assert in_sections(page, {"one": "new"}) == page.replace("old", "new")
    with pytest.raises(KeyError, match="two"):
        in_sections(page, {"one": "new", "two": "lost"})
