"""The pipeline's files and its definition as a module."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "pipelines" / "quantize_int8"


@pytest.fixture(scope="session")
def pipeline_folder() -> Path:
    """pipelines/quantize_int8."""
    return FOLDER


@pytest.fixture(scope="session")
def definition() -> ModuleType:
    """pipeline.py as a module."""
    spec = importlib.util.spec_from_file_location("quantize_int8_definition", FOLDER / "pipeline.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """pipeline.yaml: the pipeline and what concerns Kubernetes."""
    pipeline, platform = yaml.safe_load_all((FOLDER / "pipeline.yaml").read_text())
    return pipeline, platform
