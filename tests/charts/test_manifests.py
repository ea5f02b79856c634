"""Every manifest against the schemas of Kubernetes and of Argo, and against what a hardened namespace demands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import kubernetes_validate
import pytest
import yaml
from argo_workflows.api_client import Configuration
from argo_workflows.exceptions import OpenApiException
from argo_workflows.model import io_argoproj_workflow_v1alpha1_cron_workflow as cron_workflow
from argo_workflows.model import io_argoproj_workflow_v1alpha1_workflow_template as workflow_template
from argo_workflows.model_utils import OpenApiModel, validate_and_convert_types

from helm_chart import CI_VALUES, Document, Helm, of_kind, the, with_settings
from octavo.cluster.kubeflow import TITLES
from octavo.indexed_job.settings import JobSettings

NAMES = [file.name.removesuffix("-values.yaml") for file in CI_VALUES]
ARGO = [name for name in NAMES if name.startswith("argo")]
IN_JOB = "argo-indexed-job"
KUBERNETES = ["1.27", "1.29", "1.31", "1.33", "1.35", "1.37"]

ARGO_KINDS = {
    "WorkflowTemplate": workflow_template.IoArgoprojWorkflowV1alpha1WorkflowTemplate,
    "CronWorkflow": cron_workflow.IoArgoprojWorkflowV1alpha1CronWorkflow,
}
OWN_KINDS = {*ARGO_KINDS, "Pipeline", "PipelineVersion"}

TOKEN_NAME = "workflows.argoproj.io/service-account-token.name"
"""The annotation by which Argo finds the Secret with an account's token."""


def pods_of_argo(template: Document) -> Iterator[Document]:
    """For each step the pod that Argo makes of it, as far as the template says."""
    spec = template["spec"]
    for step in spec["templates"]:
        if "container" not in step:
            continue
        pod = {
            "containers": [{"name": "main", **step["container"]}],
            "volumes": [*spec["volumes"], *step.get("volumes", [])],
            "securityContext": spec["securityContext"],
            "serviceAccountName": step.get("serviceAccountName", spec["serviceAccountName"]),
            "priorityClassName": spec.get("podPriorityClassName"),
            **{key: spec[key] for key in ("nodeSelector", "tolerations", "imagePullSecrets") if key in spec},
        }
        metadata = {"name": step["name"], **step["metadata"]}
        yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod}


def pods(documents: list[Document]) -> Iterator[Document]:
    """Every pod's specification in the manifests."""
    for document in documents:
        if document["kind"] == "Job":
            yield document["spec"]["template"]["spec"]
        elif document["kind"] == "WorkflowTemplate":
            yield from (pod["spec"] for pod in pods_of_argo(document))


def unknown_fields(given: Any, model: Any, path: str = "") -> Iterator[str]:
    """The fields of a document that Argo's model, made of it, does not know."""
    if isinstance(model, OpenApiModel):
        names = {spelling: name for name, spelling in model.attribute_map.items()}
        for key, value in given.items():
            if key not in names:
                yield f"{path}.{key}"
            else:
                yield from unknown_fields(value, model.get(names[key]), f"{path}.{key}")
    elif isinstance(given, list):
        for number, (value, part) in enumerate(zip(given, model, strict=True)):
            yield from unknown_fields(value, part, f"{path}[{number}]")


def faults_by_argo(document: Document) -> list[str]:
    """What Argo's own models have against a manifest: wrong types, missing and unknown fields."""
    plain = json.loads(json.dumps(document))
    settings = Configuration(discard_unknown_keys=False)
    try:
        model = validate_and_convert_types(
            plain, (ARGO_KINDS[document["kind"]],), ["document"], True, True, configuration=settings
        )
    except (OpenApiException, TypeError, ValueError) as fault:
        return [str(fault)]
    return list(unknown_fields(document, model))


def as_one_pod(pods: list[Document]) -> Document:
    """All containers and volumes in the first pod: what else the pods hold is the same in all, or an account's name."""
    containers = [{**pod["spec"]["containers"][0], "name": pod["metadata"]["name"]} for pod in pods]
    volumes = {each["name"]: each for pod in pods for each in pod["spec"]["volumes"]}
    return {**pods[0], "spec": {**pods[0]["spec"], "containers": containers, "volumes": list(volumes.values())}}


@pytest.fixture(autouse=True, scope="module")
def schemas_read_once() -> Iterator[None]:
    """Keep the schemas of a version, which are megabytes of JSON, from one manifest to the next."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kubernetes_validate.utils, "schema_contents", cache(kubernetes_validate.utils.schema_contents))
        yield


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", NAMES)
def test_kubernetes_takes_every_manifest(rendered: dict[str, list[Document]], name: str, version: str) -> None:
    for document in rendered[name]:
        if document["kind"] == "WorkflowTemplate":
            kubernetes_validate.validate(as_one_pod(list(pods_of_argo(document))), version, strict=True)
        elif document["kind"] not in OWN_KINDS:
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("version", [KUBERNETES[0], KUBERNETES[-1]])
def test_the_check_with_kubernetes_schemas_sees_faults(rendered: dict[str, list[Document]], version: str) -> None:
    (template,) = of_kind(rendered["argo-s3"], "WorkflowTemplate")
    pod = as_one_pod(list(pods_of_argo(template)))
    pod["spec"]["containers"][3]["volumeMount"] = []

    with pytest.raises(kubernetes_validate.ValidationError, match="volumeMount"):
        kubernetes_validate.validate(pod, version, strict=True)


@pytest.mark.parametrize("name", ARGO)
def test_argo_takes_every_manifest(rendered: dict[str, list[Document]], name: str) -> None:
    own = [document for document in rendered[name] if document["kind"] in ARGO_KINDS]

    assert {document["kind"]: faults_by_argo(document) for document in own} == {
        document["kind"]: [] for document in own
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda spec: spec.update(entryPoint="a"), ".spec.entryPoint"),
        (lambda spec: spec["templates"][1]["container"].pop("image"), "image"),
        (lambda spec: spec["templates"][1]["container"].update(args="--a"), "args"),
        (lambda spec: spec["templates"][0]["dag"]["tasks"][0].update(withParams="[]"), "withParams"),
    ],
)
def test_the_check_with_argos_models_sees_faults(rendered: dict[str, list[Document]], change: Any, words: str) -> None:
    document = json.loads(json.dumps(the(rendered["argo-s3"], "WorkflowTemplate", "octavo")))
    change(document["spec"])

    assert words in " ".join(faults_by_argo(document))


@pytest.mark.parametrize("name", NAMES)
def test_every_pod_is_hardened(rendered: dict[str, list[Document]], name: str) -> None:
    for pod in pods(rendered[name]):
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"].keys() == {"requests", "limits"}
            assert all(amounts.keys() == {"cpu", "memory"} for amounts in container["resources"].values())
            mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
            assert "/tmp" in mounted
            assert {mount["name"] for mount in container["volumeMounts"]} <= {each["name"] for each in pod["volumes"]}


READ_ONLY = [(["pods"], ["get", "list"]), (["pods/log"], ["get"]), (["events"], ["list"])]
"""By which a step that makes a Job knows why a pod of it failed."""


@pytest.mark.parametrize("name", NAMES)
def test_roles_allow_no_more_than_argo_jobs_and_the_test_need(rendered: dict[str, list[Document]], name: str) -> None:
    rules = [
        (rule["resources"], rule["verbs"])
        for document in rendered[name]
        if document["kind"] == "Role"
        for rule in document["rules"]
    ]
    of_argo = [(["workflowtaskresults"], ["create", "patch"]), (["workflowtemplates"], ["get"])]
    of_jobs = [(["jobs"], ["create", "get", "delete"]), *READ_ONLY]

    if name == IN_JOB:
        of_argo[1:1] = of_jobs

    assert rules == (of_argo if name in ARGO else [])
    assert not [document for document in rendered[name] if document["kind"].startswith("Cluster")]


@pytest.mark.parametrize("name", NAMES)
def test_only_pods_that_ask_a_kubernetes_api_get_a_token(rendered: dict[str, list[Document]], name: str) -> None:
    for document in rendered[name]:
        if document["kind"] == "ServiceAccount":
            assert document["automountServiceAccountToken"] is False
        if document["kind"] == "Job":
            asks = name in ARGO and document["metadata"]["name"] == "octavo-check"
            assert document["spec"]["template"]["spec"]["automountServiceAccountToken"] is asks


@pytest.mark.parametrize("name", NAMES)
def test_every_job_goes_by_itself(rendered: dict[str, list[Document]], name: str) -> None:
    jobs = of_kind(rendered[name], "Job")

    assert of_kind(rendered[name], "Pod") == []
    assert {job["metadata"]["name"]: job["spec"]["ttlSecondsAfterFinished"] for job in jobs} == {
        job["metadata"]["name"]: 86400 for job in jobs
    }


@pytest.mark.parametrize("name", NAMES)
def test_the_check_is_tried_once_and_helm_prints_what_it_found(rendered: dict[str, list[Document]], name: str) -> None:
    check = the(rendered[name], "Job", "octavo-check")

    assert check["spec"]["backoffLimit"] == 0
    assert check["metadata"]["annotations"]["helm.sh/hook-output-log-policy"] == "hook-succeeded,hook-failed"


@pytest.mark.parametrize("name", ARGO)
def test_argos_containers_have_a_token_of_an_account_of_their_own_and_the_step_has_none(
    rendered: dict[str, list[Document]], name: str
) -> None:
    spec = the(rendered[name], "WorkflowTemplate", "octavo")["spec"]
    account = the(rendered[name], "ServiceAccount", spec["executor"]["serviceAccountName"])
    token = the(rendered[name], "Secret", account["metadata"]["annotations"][TOKEN_NAME])
    bound = the(rendered[name], "RoleBinding", "octavo-executor")

    assert spec["automountServiceAccountToken"] is False
    assert spec["serviceAccountName"] != account["metadata"]["name"]
    assert token["type"] == "kubernetes.io/service-account-token"
    assert token["metadata"]["annotations"] == {"kubernetes.io/service-account.name": account["metadata"]["name"]}
    assert [subject["name"] for subject in bound["subjects"]] == [account["metadata"]["name"]]


def test_the_steps_that_make_a_job_and_no_others_have_a_token_of_an_account_that_may(
    rendered: dict[str, list[Document]],
) -> None:
    template = the(rendered[IN_JOB], "WorkflowTemplate", "octavo")
    bound = the(rendered[IN_JOB], "RoleBinding", "octavo-jobs")
    makers = set()
    for pod in pods_of_argo(template):
        (container,) = pod["spec"]["containers"]
        if pod["spec"]["serviceAccountName"] == "octavo-jobs":
            makers.add(pod["metadata"]["name"])
        mounted = {each["mountPath"] for each in container["volumeMounts"]}
        assert ("/var/run/secrets/kubernetes.io/serviceaccount" in mounted) is (pod["metadata"]["name"] in makers)

    assert makers == {"calibrate-shard", "evaluate-shard"}
    assert [subject["name"] for subject in bound["subjects"]] == ["octavo-jobs"]


def test_an_account_that_makes_jobs_has_the_identity_with_which_steps_reach_the_store(
    rendered: dict[str, list[Document]],
) -> None:
    accounts = {each["metadata"]["name"]: each["metadata"] for each in of_kind(rendered[IN_JOB], "ServiceAccount")}

    assert accounts["octavo-jobs"]["annotations"] == accounts["octavo"]["annotations"]


def test_a_release_whose_shards_are_a_job_has_no_loop_and_hands_no_list_of_shards_on(
    rendered: dict[str, list[Document]],
) -> None:
    template = the(rendered[IN_JOB], "WorkflowTemplate", "octavo")
    steps = {each["name"]: each for each in template["spec"]["templates"]}
    settings = {name: job_settings(steps[name]) for name in ("calibrate-shard", "evaluate-shard")}
    planned = steps["plan-calibration"]

    assert "withParam" not in json.dumps(template)
    assert "{{item" not in json.dumps(template)
    assert [each["name"] for each in planned["outputs"]["parameters"]] == ["parts"]
    assert {each["name"] for each in planned["container"]["env"]} >= {"OCTAVO_SHARDS_IN_JOB"}
    assert settings["calibrate-shard"]["resources"]["limits"] == {"cpu": "4", "memory": "16Gi"}
    assert settings["evaluate-shard"]["resources"]["limits"] == {"cpu": "4", "memory": "8Gi"}
    for given in settings.values():
        assert (given["parallelism"], given["service_account"]) == (100, "octavo")
        JobSettings.parse(given)


def job_settings(step: Document) -> Document:
    (text,) = [arg for arg in step["container"]["args"] if arg.startswith("--job=")]
    found: Document = json.loads(text.removeprefix("--job="))
    return found


@pytest.mark.parametrize("mode", ["kfp", "kfp-native"])
def test_an_indexed_job_is_refused_where_no_pipeline_makes_one(helm: Helm, mode: str) -> None:
    done = helm.template(*with_settings({"mode": mode, "indexedJob.enabled": "true"}))

    assert done.returncode != 0
    assert "indexedJob.enabled works in mode argo only" in done.stderr


@pytest.mark.parametrize(("name", "shown"), [("quantize-int8", TITLES["quantize-int8"]), ("nightly", "nightly")])
def test_a_pipeline_that_is_a_kubernetes_object_is_shown_as_an_uploaded_one(helm: Helm, name: str, shown: str) -> None:
    documents = helm.render(*with_settings({"mode": "kfp-native", "kfp.pipelineName": name}))

    assert the(documents, "Pipeline", name)["spec"]["displayName"] == shown


RESTRICTED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
"""What the restricted pod security standard wants of a container, beside the pod's seccomp profile."""


@pytest.mark.parametrize("name", ARGO)
def test_argos_containers_are_restricted_and_run_as_the_steps_user(
    rendered: dict[str, list[Document]], name: str
) -> None:
    spec = the(rendered[name], "WorkflowTemplate", "octavo")["spec"]
    patch = yaml.safe_load(spec["podSpecPatch"])
    contexts = {c["name"]: c["securityContext"] for c in [*patch["initContainers"], *patch["containers"]]}
    user = {part: spec["securityContext"][part] for part in ("runAsUser", "runAsGroup")}

    assert contexts == {"init": {**RESTRICTED, **user}, "wait": {**RESTRICTED, **user}}


def test_where_the_namespace_gives_the_user_the_controllers_is_taken_from_argos_containers(helm: Helm) -> None:
    nobody = {"podSecurityContext.runAsUser": "null", "podSecurityContext.runAsGroup": "null"}
    documents = helm.render(*with_settings({"mode": "argo", "objectStore.bucket": "b", **nobody}))
    spec = the(documents, "WorkflowTemplate", "octavo")["spec"]
    (init,) = yaml.safe_load(spec["podSpecPatch"])["initContainers"]

    assert init["securityContext"] == {**RESTRICTED, "runAsUser": None, "runAsGroup": None}


def test_a_network_policy_lets_pods_reach_names_and_the_stores_and_nobody_reach_them(helm: Helm) -> None:
    policy = the(helm.render(*with_settings({"networkPolicy.enabled": "true"})), "NetworkPolicy", "octavo")["spec"]
    names, stores = [{each["port"] for each in rule["ports"]} for rule in policy["egress"]]

    assert names == {53, 5353}, "OpenShift's name server listens on 5353"
    assert stores >= {443, 6443, 8333, 9000}
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in policy


@pytest.mark.parametrize("name", NAMES)
def test_extra_labels_are_on_every_object(helm: Helm, name: str) -> None:
    file = next(file for file in CI_VALUES if file.name.startswith(f"{name}-values"))
    documents = helm.render(f"--values={file}", *with_settings({"extraLabels.cost-centre": "x"}))

    assert {document["metadata"]["labels"].get("cost-centre") for document in documents} == {"x"}


def test_names_stay_within_what_kubernetes_and_argo_allow(helm: Helm) -> None:
    settings = with_settings({"fullnameOverride": "a" * 60, "mode": "argo", "objectStore.bucket": "b"})
    schedule = next(file for file in CI_VALUES if file.name == "argo-s3-values.yaml")
    documents = helm.render(f"--values={schedule}", *settings)

    assert max(len(document["metadata"]["name"]) for document in documents) <= 52
