"""Each step's KFP component: thin, compilable and described."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import compiler
from kfp.components import load_component_from_file

from compile_catalog import CATALOG, compile_components
from octavo import components
from octavo.image import IMAGE

NAMES = components.__all__


@pytest.mark.parametrize("name", NAMES)
def test_a_component_compiles_with_every_argument_described(name: str, tmp_path: Path) -> None:
    target = tmp_path / "component.yaml"
    compiler.Compiler().compile(getattr(components, name), str(target))

    document: dict[str, Any] = next(yaml.safe_load_all(target.read_text()))
    (executor,) = document["deploymentSpec"]["executors"].values()
    inputs = document["root"]["inputDefinitions"]
    described = [*inputs.get("parameters", {}).values(), *inputs.get("artifacts", {}).values()]
    assert executor["container"]["image"] == IMAGE
    assert all(entry.get("description") for entry in described)
    assert target.read_bytes().isascii()


def test_the_checked_in_catalogue_is_what_the_components_compile_to(tmp_path: Path) -> None:
    compile_components(tmp_path)

    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert {file.name: file.read_text() for file in CATALOG.iterdir()} == written, "run `make compile` and check it in"


def test_a_component_that_is_no_more_leaves_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").touch()
    compile_components(tmp_path)

    assert {file.stem for file in tmp_path.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_components_file_loads_with_the_same_inputs_and_outputs(name: str) -> None:
    loaded = load_component_from_file(str(CATALOG / f"{name}.yaml")).component_spec
    spec = getattr(components, name).component_spec

    assert set(loaded.inputs or ()) == set(spec.inputs or ())
    assert set(loaded.outputs or ()) == set(spec.outputs or ())


@pytest.mark.parametrize("name", NAMES)
def test_a_component_is_imported_by_its_name(name: str) -> None:
    names: dict[str, Any] = {}
    exec(f"from octavo.components import {name}", names)

    assert names[name].name.replace("-", "_") == name


@pytest.mark.parametrize("name", NAMES)
def test_a_component_decides_nothing(name: str) -> None:
    tree = ast.parse(inspect.getsource(getattr(components, name).python_func))

    assert not [node for node in ast.walk(tree) if isinstance(node, ast.If | ast.IfExp | ast.Try | ast.While)]


@pytest.mark.parametrize("name", NAMES)
def test_a_component_imports_only_inside_its_function(name: str) -> None:
    module = inspect.getmodule(getattr(components, name).python_func)
    assert module is not None
    imported = [
        node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert {ast.unparse(node) for node in imported} | {"from kfp import dsl"} == {
        "from kfp import dsl",
        "from octavo.component import component",
    }


def test_every_step_folder_has_its_component() -> None:
    package = Path(components.__file__).parent
    folders = {path.parent.name for path in package.glob("*/component.py")}

    assert {Path(inspect.getfile(getattr(components, name).python_func)).parent.name for name in NAMES} == folders


def test_importing_all_components_does_not_import_tensorflow() -> None:
    probe = "import sys; from octavo import components; sys.exit('tensorflow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
