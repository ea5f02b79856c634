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

    assert {ast.unparse(node) for node in imported} == {
        "from kfp import dsl",
        "from octavo.image import IMAGE",
    }


def test_every_step_folder_has_its_component() -> None:
    package = Path(components.__file__).parent
    folders = {path.parent.name for path in package.glob("*/component.py")}

    assert set(NAMES) - {"freeze_ranges", "fuse"} == folders


def test_importing_all_components_does_not_import_tensorflow() -> None:
    probe = "import sys; from octavo import components; sys.exit('tensorflow' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0
