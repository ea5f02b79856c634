"""The namespaces and the releases that the cluster's tests work in."""

from __future__ import annotations

import json
from pathlib import Path

import kubernetes_validate
import pytest

from cluster.octavo_image import image_names
from cluster.release import STEPS, Release, strict_namespace
from helm_chart import Helm, find_helm, of_kind
from servers import StorageServer


@pytest.fixture
def release(tmp_path: Path) -> Release:
    program = find_helm()
    if program is None:
        pytest.skip("no helm: `make test` installs it")
    server = StorageServer("s3", "http://10.88.0.1:8333", {}, "models", print)
    return Release(Helm(program), "vision", server, tmp_path)


def test_kubernetes_takes_the_namespace_with_its_quota_limits_and_policy() -> None:
    documents = strict_namespace("vision")

    assert [each["kind"] for each in documents] == ["Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy"]
    for document in documents:
        kubernetes_validate.validate(document, "1.36", strict=True)


def test_the_values_make_every_step_small_and_its_image_the_clusters(release: Release) -> None:
    file = release.folder / "values.json"
    file.write_text(json.dumps(release.values))
    (template,) = of_kind(release.helm.render(f"--values={file}"), "WorkflowTemplate")
    containers = {each["name"]: each["container"] for each in template["spec"]["templates"] if "container" in each}

    assert sorted(containers) == sorted(STEPS)
    assert {each["resources"]["requests"]["cpu"] for each in containers.values()} == {"50m"}
    assert {each["image"] for each in containers.values()} == {image_names()[0]}


def test_a_submission_sets_the_parameters_and_what_the_test_changes(release: Release) -> None:
    command = release.submission("--no-follow", shards=7)

    assert "--argo-template=octavo" in command
    assert "--set=shards=7" in command
    assert "--set=shards=2" not in command
    assert "--set=target_uri=s3://models/vision/target" in command
