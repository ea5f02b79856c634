"""The pipeline on Kubeflow Pipelines, where the cluster has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.kube import apply
from cluster.octavo_image import REGISTRY
from cluster.release import RELEASE, SECRET
from helm_chart import CHART, Helm
from octavo.storage import list_objects, read_bytes
from quickstart import PUBLISHED_FILES
from servers import StorageServer

ENDPOINT = os.environ.get("KFP_ENDPOINT", "")
NAMESPACE = "kubeflow"

pytestmark = pytest.mark.skipif(
    not ENDPOINT, reason="KFP_ENDPOINT is not set: docs/testing-on-kubeflow.md says what it must lead to"
)


@pytest.fixture(scope="module", autouse=True)
def _installed(helm: Helm, store: StorageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    values = tmp_path_factory.mktemp("kubeflow") / "values.json"
    object_store = {"bucket": store.bucket, "endpoint": store.endpoint}
    values.write_text(json.dumps({"image": {"registry": REGISTRY}, "objectStore": object_store}))
    keys = {name: value for name, value in store.environment.items() if name.startswith("AWS_")}
    apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET, "namespace": NAMESPACE}, "stringData": keys}
    )
    where = f"--namespace={NAMESPACE}"
    done = helm.run("install", RELEASE, CHART, where, f"--values={values}", "--wait", "--timeout=15m")
    assert done.returncode == 0, done.stderr
    try:
        yield
    finally:
        helm.run("uninstall", RELEASE, where, "--wait")


def submit(store: StorageServer, *flags: str, **parameters: str) -> subprocess.CompletedProcess[str]:
    given = {
        "model_uri": store.uri("quickstart/model"),
        "calibration_uri": store.uri("quickstart/calibration.npz"),
        "validation_uri": store.uri("quickstart/validation.npz"),
        "target_uri": store.uri("kubeflow/target"),
        "preprocessing": "unit",
        **parameters,
    }
    settings = [f"--set={name}={value}" for name, value in given.items()]
    command = [sys.executable, "-m", "octavo.cli", "submit", f"--host={ENDPOINT}", *settings, *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_run_publishes_the_bytes_that_make_run_publishes(
    store: StorageServer, int8_graph: bytes, tmp_path: Path
) -> None:
    done = submit(store, f"--output={tmp_path}")

    assert done.returncode == 0, done.stdout + done.stderr
    assert {each.name for each in list_objects(store.uri("kubeflow/target"))} == PUBLISHED_FILES
    assert read_bytes(store.uri("kubeflow/target/int8.pb")) == int8_graph


def test_a_step_that_cannot_go_on_is_told_with_its_reason(store: StorageServer) -> None:
    done = submit(store, model_uri=store.uri("no-such-model"), target_uri=store.uri("kubeflow/failed"))

    assert done.returncode == 2
    assert store.uri("no-such-model") in done.stderr
    assert list_objects(store.uri("kubeflow/failed")) == []
