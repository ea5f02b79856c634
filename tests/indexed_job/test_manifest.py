from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import kubernetes_validate
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import ApiClient

from octavo.errors import SpecError
from octavo.indexed_job.manifest import inputs_of, job_manifest, job_name
from octavo.indexed_job.settings import JobSettings
from pods import KEY, RESOURCES, RESTRICTED, SETTINGS, argo_pod, kubeflow_pod


def made(pod: dict[str, Any], **settings: Any) -> dict[str, Any]:
    given = JobSettings.parse({**SETTINGS, **settings})
    return job_manifest("octavo-calibrate", 300, "s3://b/parts/inputs", pod, given)


def container(job: dict[str, Any]) -> dict[str, Any]:
    (found,) = job["spec"]["template"]["spec"]["containers"]
    return dict(found)


@pytest.mark.parametrize("version", ["1.29", "1.31", "1.33", "1.35", "1.37"])
@pytest.mark.parametrize("pod", [argo_pod(), kubeflow_pod()], ids=["argo", "kubeflow"])
def test_kubernetes_takes_the_job(pod: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(made(pod), version, strict=True)


def test_the_job_has_an_index_for_each_shard_and_goes_with_the_steps_pod() -> None:
    job = made(argo_pod())

    assert job["metadata"]["namespace"] == "vision"
    assert job["metadata"]["ownerReferences"] == [
        {"apiVersion": "v1", "kind": "Pod", "name": "octavo-x7k2p-calibrate-1234", "uid": "6f1c"}
    ]
    spec = job["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 300, 10)
    assert (spec["backoffLimitPerIndex"], spec["maxFailedIndexes"]) == (5, 0)
    assert container(job)["command"] == ["octavo", "run-shard", "--inputs=s3://b/parts/inputs"]


def test_no_more_pods_than_shards_run_at_once() -> None:
    assert made(argo_pod(), parallelism=1000)["spec"]["parallelism"] == 300


def test_a_sentence_of_octavos_ends_an_index_and_a_pod_that_is_taken_away_does_not_count() -> None:
    taken, sentence = made(argo_pod())["spec"]["podFailurePolicy"]["rules"]

    assert (taken["action"], taken["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (sentence["action"], sentence["onExitCodes"]["values"]) == ("FailIndex", [2])
    assert sentence["onExitCodes"]["containerName"] == container(made(argo_pod()))["name"]


def test_shards_run_where_as_whom_and_with_the_keys_with_which_the_step_runs() -> None:
    pod = argo_pod()
    job = made(pod, service_account="octavo")
    spec = job["spec"]["template"]["spec"]

    same = ("nodeSelector", "tolerations", "imagePullSecrets", "priorityClassName", "securityContext")
    assert {name: spec[name] for name in same} == {name: pod["spec"][name] for name in same}
    assert container(job)["image"] == "octavo.test/octavo/octavo:0.1.0"
    assert container(job)["securityContext"] == RESTRICTED
    assert container(job)["resources"] == RESOURCES
    assert {each["name"]: each.get("value", KEY) for each in container(job)["env"]} == {
        "AWS_ACCESS_KEY_ID": KEY,
        "S3_ENDPOINT": "http://10.88.0.1:8333",
        "AWS_CA_BUNDLE": "/etc/octavo/ca/ca.crt",
    }
    assert spec["serviceAccountName"] == "octavo"


@pytest.mark.parametrize(
    ("pod", "mounted"),
    [
        (argo_pod(), {"/tmp", "/var/run/octavo/object-store", "/etc/octavo/ca"}),
        (kubeflow_pod(), {"/tmp", "/var/run/octavo/object-store"}),
    ],
    ids=["argo", "kubeflow"],
)
def test_shards_have_no_token_and_nothing_of_what_made_the_steps_pod(pod: dict[str, Any], mounted: set[str]) -> None:
    job = made(pod)
    spec = job["spec"]["template"]["spec"]

    assert spec["automountServiceAccountToken"] is False
    assert {each["mountPath"] for each in container(job)["volumeMounts"]} == mounted
    assert {each["name"] for each in container(job)["volumeMounts"]} == {each["name"] for each in spec["volumes"]}
    assert "nodeName" not in spec
    assert "priority" not in spec
    assert not re.search("argo|kfp|ROLE_ARN|WEB_IDENTITY|POD_NAME", str(container(job)), re.IGNORECASE)


@pytest.mark.parametrize(
    ("pod", "labels", "annotations"),
    [
        (
            argo_pod(),
            {"app.kubernetes.io/name", "app.kubernetes.io/component", "helm.sh/chart", "team"},
            {"sidecar.istio.io/inject"},
        ),
        (kubeflow_pod(), {"team"}, set()),
    ],
    ids=["argo", "kubeflow"],
)
def test_shards_bear_the_labels_that_policies_go_by_and_not_those_that_argo_and_kubeflow_go_by(
    pod: dict[str, Any], labels: set[str], annotations: set[str]
) -> None:
    metadata = made(pod)["spec"]["template"]["metadata"]

    assert metadata["labels"].keys() == labels
    assert metadata["annotations"].keys() == annotations


def test_without_an_account_of_their_own_shards_have_the_steps() -> None:
    assert made(kubeflow_pod())["spec"]["template"]["spec"]["serviceAccountName"] == "pipeline-runner"


@given(st.sampled_from(["calibrate", "evaluate"]), st.text(min_size=1), st.text(min_size=1))
def test_every_loop_has_a_name_of_its_own_that_hosts_and_labels_may_have(step: str, parts: str, other: str) -> None:
    name = job_name(step, parts)

    assert re.fullmatch(rf"octavo-{step}-[0-9a-f]{{16}}", name)
    assert len(f"{name}-99999") <= 63
    assert (job_name(step, other) == name) is (other == parts)


def test_a_job_leads_to_what_its_pods_need() -> None:
    assert inputs_of(client_job(made(argo_pod()))) == "s3://b/parts/inputs"


def client_job(document: dict[str, Any]) -> Any:
    """The Job as the client gives it back."""
    response = SimpleNamespace(data=json.dumps(document))
    return ApiClient().deserialize(response, "V1Job")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"parallelism": 0}, "parallelism: Input should be greater than or equal to 1, got 0"),
        ({"resources": None}, "resources: Input should be a valid dictionary, got None"),
        (
            {"paralelism": 3},
            "paralelism: Extra inputs are not permitted, got 3 (fields: parallelism, resources, service",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError, match=re.escape(words)):
        JobSettings.parse({**SETTINGS, **changes})


def test_numbers_may_come_as_kubeflow_hands_them_on() -> None:
    assert JobSettings.parse({**SETTINGS, "parallelism": 10.0}).parallelism == 10
