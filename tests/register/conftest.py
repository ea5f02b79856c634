"""A server of Kubeflow Pipelines, and a registration for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from desk import host, run, state
from octavo.cluster.register import retire

__all__ = ["host", "run", "state", "write"]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server here lists a run at once."""
    monkeypatch.setattr(retire, "SETTLE_SECONDS", 0.0)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a registration."""

    def written(**changes: Any) -> Path:
        document = {"owner": "ns/octavo", "pipeline": "quantize-int8", "version": "0.1.0-aaaa", **changes}
        path = tmp_path / "registration.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    return written
