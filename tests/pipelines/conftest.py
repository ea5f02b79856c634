"""The pipeline's files and its definition as a module."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from octavo.cli import main
from quickstart import PIPELINE, QUICKSTART


@pytest.fixture(scope="session")
def pipeline_folder() -> Path:
    """pipelines/quantize_int8."""
    return PIPELINE


@pytest.fixture(scope="session")
def definition() -> ModuleType:
    """pipeline.py as a module."""
    spec = importlib.util.spec_from_file_location("quantize_int8_definition", PIPELINE / "pipeline.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def documents() -> tuple[dict[str, Any], dict[str, Any]]:
    """pipeline.yaml: the pipeline and what concerns Kubernetes."""
    pipeline, platform = yaml.safe_load_all((PIPELINE / "pipeline.yaml").read_text())
    return pipeline, platform


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `octavo quantize` publishes of the quick start, by two processes at a time."""
    target = tmp_path_factory.mktemp("published")
    with pytest.raises(SystemExit) as end:
        main(["quantize", str(QUICKSTART.model), *QUICKSTART.flags(output=target), "--workers=2"])
    assert end.value.code == 0
    return target
