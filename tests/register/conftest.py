"""A server of Kubeflow Pipelines, and a registration for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kfp_server import State, kfp_server
from octavo.cli import main


@pytest.fixture
def state() -> State:
    return State()


@pytest.fixture
def host(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("HOME", str(tmp_path))  # the client reads its settings there
    with kfp_server(state) as address:
        yield address


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`octavo ...`: status, standard output, standard error."""

    def call(*words: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        output = capsys.readouterr()
        return int(end.value.code or 0), output.out, output.err

    return call


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a registration."""

    def written(**changes: Any) -> Path:
        document = {"owner": "ns/octavo", "pipeline": "quantize-int8", "version": "0.1.0-aaaa", **changes}
        path = tmp_path / "registration.yaml"
        path.write_text(yaml.safe_dump(document))
        return path

    return written
