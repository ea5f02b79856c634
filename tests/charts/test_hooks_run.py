"""The register job and the pod of `helm test`, run in the container engine against real servers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from argo import InEngine, Pod, looked_up, make_volumes
from desk import host, state
from engine import Engine
from helm_chart import Document, Helm, of_kind, the, with_settings
from kfp_server import State
from servers import StorageServer

__all__ = ["host", "state"]

pytestmark = [pytest.mark.engine, pytest.mark.servers]


@pytest.fixture
def manifests(helm: Helm, host: str, s3_server: StorageServer) -> list[Document]:
    store = {"objectStore.bucket": s3_server.bucket, "objectStore.endpoint": s3_server.endpoint}
    return helm.render(*with_settings({"kfp.host": host, "kfp.register.waitSeconds": 5, **store}))


def run_in(
    engine: Engine, manifests: list[Document], pod: Document, store: StorageServer, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run the one container of a pod's specification."""
    (container,) = pod["containers"]
    name = container.pop("name")
    secrets = {"octavo-object-store": {k: text for k, text in store.environment.items() if k.startswith("AWS_")}}
    config_maps = {each["metadata"]["name"]: each["data"] for each in of_kind(manifests, "ConfigMap")}
    volumes = make_volumes(pod, folder, secrets, config_maps)
    variables = dict(looked_up(container, secrets))
    return InEngine(engine)(Pod(name, container, pod["securityContext"], variables, {}, volumes))


def test_the_register_job_registers_once_from_the_light_image_within_its_memory(
    engine: Engine, manifests: list[Document], s3_server: StorageServer, state: State, tmp_path: Path
) -> None:
    pod = the(manifests, "Job", "octavo-register")["spec"]["template"]["spec"]
    again = {**pod, "containers": [dict(pod["containers"][0])]}
    first = run_in(engine, manifests, pod, s3_server, tmp_path / "first")
    written = list(state.writes)
    second = run_in(engine, manifests, again, s3_server, tmp_path / "second")

    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert written
    assert state.writes == written


@pytest.mark.int8
def test_the_pod_of_helm_test_finds_the_store_and_the_api_in_order(
    engine: Engine, manifests: list[Document], s3_server: StorageServer, tmp_path: Path
) -> None:
    done = run_in(
        engine, manifests, the(manifests, "Job", "octavo-check")["spec"]["template"]["spec"], s3_server, tmp_path
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert {line.split()[0] for line in done.stdout.splitlines()} <= {"ok", "note"}
    assert s3_server.bucket in done.stdout
