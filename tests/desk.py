"""Fixtures for commands that talk to clusters: the servers, and the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kfp_server import State, kfp_server
from kubernetes_server import Cluster, kubernetes_server
from octavo.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def state() -> State:
    """What the server of Kubeflow Pipelines holds."""
    return State()


@pytest.fixture
def host(state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of that server."""
    monkeypatch.setenv("HOME", str(tmp_path))  # the client reads its settings there
    with kfp_server(state) as address:
        yield address


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """What the server of Kubernetes holds; the kubeconfig leads to it."""
    found = Cluster()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
    with kubernetes_server(found, tmp_path / "kubeconfig"):
        yield found


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """`octavo ...`: status, standard output, standard error."""

    def call(*words: Any) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        output = capsys.readouterr()
        return int(end.value.code or 0), output.out, output.err

    return call
