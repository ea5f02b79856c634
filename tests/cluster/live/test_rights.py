"""What the accounts of a run may do, and who has a token."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.kube import Document, KubectlError, get, kubectl, rights
from cluster.release import RELEASE, Release, Run

TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture(scope="module")
def run(release: Release) -> Iterator[Run]:
    made = release.begin()
    yield made
    made.delete()


@pytest.fixture(scope="module")
def pod(release: Release, run: Run) -> Document:
    """A step's pod, as it runs."""
    return get(release.namespace, "pod", run.pod("summarize"))


def test_the_account_of_a_step_may_do_nothing(release: Release, pod: Document) -> None:
    assert pod["spec"]["serviceAccountName"] == RELEASE
    assert rights(release.namespace, RELEASE) == []


def test_the_executors_account_may_report_what_a_pod_has_done_and_no_more(release: Release) -> None:
    assert rights(release.namespace, f"{RELEASE}-executor") == ["workflowtaskresults.argoproj.io [] [] [create patch]"]


def test_the_steps_own_container_has_no_token_and_argos_have(pod: Document) -> None:
    containers = {each["name"]: each for each in (*pod["spec"]["containers"], *pod["spec"]["initContainers"])}
    with_token = {n for n, each in containers.items() if TOKENS in {m["mountPath"] for m in each["volumeMounts"]}}

    assert containers.keys() == {"main", "wait", "init"}
    assert with_token == {"wait", "init"}


def test_a_step_finds_no_token_in_its_container(release: Release, pod: Document) -> None:
    words = ("exec", pod["metadata"]["name"], "-c", "main", "--", "ls", TOKENS)
    with pytest.raises(KubectlError, match="No such file or directory"):
        kubectl("-n", release.namespace, *words)


def test_every_container_is_restricted_and_of_one_user(pod: Document) -> None:
    for container in (*pod["spec"]["containers"], *pod["spec"]["initContainers"]):
        context = container["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["allowPrivilegeEscalation"] is False
        assert context.get("runAsUser", pod["spec"]["securityContext"]["runAsUser"]) == 10001
