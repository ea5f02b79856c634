"""The release's life: checked, upgraded, rolled back, taken away."""

from __future__ import annotations

import pytest

from cluster.kube import find, get, names
from cluster.release import RELEASE, SECRET, STEPS, Release
from helm_chart import CHART

KINDS = (
    "configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies,workflowtemplates,cronworkflows,jobs,pods"
)


def resource(release: Release) -> str:
    """The memory that `freeze` may use in the template that is installed."""
    templates = get(release.namespace, "workflowtemplate", RELEASE)["spec"]["templates"]
    (freeze,) = [each for each in templates if each["name"] == "freeze"]
    return str(freeze["container"]["resources"]["limits"]["memory"])


def test_helm_test_finds_the_store_and_the_template(release: Release) -> None:
    said = release.command("test", "--timeout=300s")

    assert "Phase:          Succeeded" in said
    assert f"WorkflowTemplate octavo: installed, {len(STEPS)} steps" in said
    assert f"s3://{release.store.bucket}/octavo" in said


def test_an_upgrade_that_forgets_the_object_store_is_refused(release: Release) -> None:
    done = release.helm.run(
        "upgrade", RELEASE, CHART, f"--namespace={release.namespace}", "--set=mode=argo", "--set=objectStore.bucket=b"
    )

    assert done.returncode != 0
    assert f"objectStore.endpoint: the release has {release.store.endpoint}" in done.stderr


def test_an_upgrade_changes_the_template_and_a_rollback_brings_it_back(release: Release) -> None:
    before = resource(release)
    release.upgrade(resources={"freeze": {"limits": {"memory": "5Gi"}}})
    changed = resource(release)
    release.command("rollback", "1")

    assert (before, changed, resource(release)) == ("4Gi", "5Gi", "4Gi")


def test_an_uninstalled_release_leaves_the_secret_that_it_was_given_and_the_check_of_helm_test(
    release: Release,
) -> None:
    release.command("uninstall", "--wait", "--timeout=120s")
    left = names(find(release.namespace, KINDS))

    of_the_namespace = {"ConfigMap/kube-root-ca.crt", "ServiceAccount/default", "NetworkPolicy/default-deny"}
    (pod,) = (name for name in left if name.startswith(f"Pod/{RELEASE}-check-"))
    assert left - of_the_namespace == {f"Secret/{SECRET}", f"Job/{RELEASE}-check", pod}


@pytest.fixture(scope="module", autouse=True)
def _installed(release: Release) -> Release:
    return release
