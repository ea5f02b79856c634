"""A release of the chart in mode kfp-native, where the server keeps pipelines as Kubernetes objects."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cluster.kube import find, kubectl
from cluster.kubeflow import ENDPOINT, NAMESPACE, KubeflowRelease, needs_kubeflow
from helm_chart import Helm
from octavo.cluster.kubeflow import Endpoint, connect, fetched
from servers import StorageServer

pytestmark = needs_kubeflow

KINDS = "pipelines.pipelines.kubeflow.org,pipelineversions.pipelines.kubeflow.org"


@pytest.fixture(scope="module")
def release(helm: Helm, store: StorageServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeflowRelease]:
    if "kubernetes" not in _store_of_pipelines():
        pytest.skip("this Kubeflow Pipelines keeps pipelines in its database: it was started without Kubernetes' store")
    made = KubeflowRelease(helm, store, tmp_path_factory.mktemp("native"))
    made.remove()
    kubectl("-n", NAMESPACE, "delete", KINDS, "--all")
    made.install(mode="kfp-native")
    yield made
    made.remove()


def versions() -> set[str]:
    """The names of the versions that are there."""
    pipelines = [each for each in find(NAMESPACE, KINDS) if each["kind"] == "Pipeline"]
    assert [each["metadata"]["name"] for each in pipelines] == ["quantize-int8"]
    return {each["metadata"]["name"] for each in find(NAMESPACE, KINDS) if each["kind"] == "PipelineVersion"}


def test_an_upgrade_makes_a_version_and_neither_it_nor_a_rollback_deletes_one(release: KubeflowRelease) -> None:
    installed = versions()
    release.upgrade(resources={"freeze": {"limits": {"memory": "5Gi"}}})
    upgraded = versions()
    release.command("rollback", "1", "--wait")

    assert len(installed) == 1
    assert installed < upgraded
    assert len(upgraded) == 2
    assert versions() == upgraded


def test_a_run_of_it_is_begun(release: KubeflowRelease) -> None:
    run = release.begin()
    run.has_done("look-up")
    run.end()


def test_an_uninstalled_release_leaves_its_versions(release: KubeflowRelease) -> None:
    before = versions()
    release.command("uninstall", "--wait", "--timeout=300s")

    assert versions() == before


def test_a_release_installed_anew_takes_the_version_that_is_there(release: KubeflowRelease) -> None:
    before = versions()
    release.install(mode="kfp-native")

    assert versions() == before


def _store_of_pipelines() -> str:
    client = connect(Endpoint(host=ENDPOINT))
    health = json.loads(fetched(client, "/apis/v2beta1/healthz"))
    return str(health.get("pipeline_store") or health.get("pipelineStore"))
