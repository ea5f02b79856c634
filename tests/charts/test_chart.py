"""The chart as a package: lint, refusals, generated files, golden manifests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from chart_files import chart_files, described
from helm_chart import CHART, CI_VALUES, GOLDEN, GOLDEN_NAMES, Document, Helm, golden_text, with_settings, with_values
from kubernetes_server import Cluster, kubernetes_server

NAMES = [file.name.removesuffix("-values.yaml") for file in CI_VALUES]

SCHEDULE = {
    "schedules[0].name": "nightly",
    "schedules[0].cron": "0 2 * * *",
    **{f"schedules[0].parameters.{name}_uri": "s3://b/x" for name in ("model", "calibration", "validation", "target")},
    "schedules[0].parameters.preprocessing": "torch",
}


ARGO = {"mode": "argo", "objectStore.bucket": "b"}


@pytest.mark.parametrize("file", CI_VALUES, ids=NAMES)
def test_lint_finds_nothing(helm: Helm, file: Path) -> None:
    done = helm.run("lint", "--strict", CHART, with_values(file))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout + done.stderr


def test_the_package_holds_the_chart_and_renders_alike(helm: Helm, tmp_path: Path) -> None:
    done = helm.run("package", CHART, "--destination", tmp_path)
    assert done.returncode == 0, done.stderr
    (package,) = tmp_path.glob("octavo-*.tgz")
    from_package = helm.run("template", "octavo", package, "--namespace=vision")

    assert from_package.stdout == helm.template().stdout
    assert package.stat().st_size < 100_000


@pytest.mark.parametrize("name", GOLDEN_NAMES)
def test_manifests_are_the_golden_ones(rendered: dict[str, list[Document]], name: str) -> None:
    current = golden_text(rendered[name])

    assert (GOLDEN / f"{name}.yaml").read_text() == current, "look at the difference, then run `make chart`"


@pytest.mark.parametrize("file", sorted(chart_files()), ids=lambda file: file.name)
def test_a_generated_file_is_current(file: Path) -> None:
    assert file.read_text() == chart_files()[file], "run `make chart` and check in the result"


def test_every_value_is_described_and_in_the_schema() -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    documented = {key for key, _, _ in described(lines)}
    schema = json.loads((CHART / "values.schema.json").read_text())

    def leaves(values: object, path: tuple[str, ...]) -> list[str]:
        if ".".join(path) in documented or not isinstance(values, dict) or not values:
            return [".".join(path)]
        return [leaf for key, value in values.items() for leaf in leaves(value, (*path, key))]

    values = yaml.safe_load("\n".join(lines))
    assert set(leaves(values, ())) == documented
    for key in documented:
        node = schema
        for part in key.split("."):
            node = node["properties"][part]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"mod": "argo"}, ["at ''", "'mod' not allowed"]),
        ({"image.tga": "1"}, ["at '/image'", "'tga' not allowed"]),
        ({"objectStore.secret.dat": "1"}, ["at '/objectStore/secret'", "'dat' not allowed"]),
        ({"kfp.register.resource": "1"}, ["at '/kfp/register'", "'resource' not allowed"]),
        ({"mode": "kubeflow"}, ["at '/mode'", "'kfp', 'kfp-native', 'argo'"]),
        ({"image.pullPolicy": "Sometimes"}, ["at '/image/pullPolicy'"]),
        ({"image.digest": "sha256:12"}, ["at '/image/digest'"]),
        ({"kfp.host": "ml-pipeline:8888"}, ["at '/kfp/host'"]),
        ({"objectStore.endpoint": "minio:9000"}, ["at '/objectStore/endpoint'"]),
        ({**SCHEDULE, "schedules[0].cron": "0 2 * *"}, ["at '/schedules/0/cron'"]),
        ({**SCHEDULE, "schedules[0].cron": "0 0 2 * * *"}, ["at '/schedules/0/cron'"]),
        ({**SCHEDULE, "schedules[0].Name": "x"}, ["at '/schedules/0'", "'Name' not allowed"]),
        ({**SCHEDULE, "schedules[0].parameters.model": "x"}, ["nightly", "no parameter model", "model_uri"]),
        ({key: SCHEDULE[key] for key in SCHEDULE if "model" not in key}, ["nightly", "model_uri is missing"]),
        ({**SCHEDULE, "schedules[0].timeZone": "Europe/Berlin"}, ["nightly", "CRON_SCHEDULE_TIMEZONE"]),
        ({"resources.calibration.limits.cpu": "1"}, ["resources.calibration", "no step", "calibrate"]),
        (
            {"resources.calibrate-shard.limits.cpus": "1"},
            ["at '/resources/calibrate-shard/limits'", "'cpus' not allowed"],
        ),
        ({"priorityClassName": "batch"}, ["priorityClassName", "mode argo only"]),
        ({"parameters.preprocessing": "torch"}, ["parameters", "mode argo only"]),
        ({"mode": "argo"}, ["objectStore.bucket is empty"]),
        ({**SCHEDULE, **ARGO, "schedules[0].version": "0.1.0-a"}, ["nightly", "version", "WorkflowTemplate"]),
        ({"objectStore.existingSecret": "my.keys"}, ["objectStore.existingSecret", "my.keys", "volume"]),
        ({"privateCA.existingSecret": "my.ca", "mode": "kfp-native"}, ["privateCA.existingSecret", "my.ca"]),
        ({"privateCA.existingSecret": "c" * 64}, ["privateCA.existingSecret", "63"]),
        (
            {"privateCA.existingSecret": "octavo-object-store"},
            ["privateCA.existingSecret", "objectStore", "one volume"],
        ),
        ({**ARGO, "objectStore.existingSecret": "my..keys"}, ["at '/objectStore/existingSecret'"]),
        ({**ARGO, "objectStore.existingSecret": "my.-keys"}, ["at '/objectStore/existingSecret'"]),
        ({"kfp.register.waitSeconds": "300"}, ["kfp.register", "610 s", "activeDeadlineSeconds, 280", "--timeout"]),
        ({"kfp.register.backoffLimit": "2"}, ["kfp.register", "390 s", "activeDeadlineSeconds, 280"]),
        ({"argo.parallelism": "8"}, ["argo.parallelism is now parallelism", "mode"]),
        ({"parallelism": "0"}, ["at '/parallelism'", "got 0, want 1"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_wrong_values_are_refused_by_name(helm: Helm, settings: dict[str, str], words: list[str]) -> None:
    done = helm.template(*with_settings(settings))

    assert done.returncode != 0
    assert [word for word in words if word not in done.stderr] == []


def test_two_schedules_of_one_name_are_refused(helm: Helm) -> None:
    again = {name.replace("[0]", "[1]"): value for name, value in SCHEDULE.items()}
    done = helm.template(*with_settings({**SCHEDULE, **again}))

    assert "two are named nightly" in done.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {**ARGO, "objectStore.existingSecret": "my.keys", "privateCA.existingSecret": "my.ca"},
        {**ARGO, "objectStore.existingSecret": "s" * 64, "privateCA.existingSecret": "s" * 64},
        {"objectStore.existingSecret": "my.keys", "objectStore.workloadIdentity": "true"},
        {"objectStore.existingSecret": "s" * 63, "privateCA.existingSecret": "c" * 63},
        {"kfp.register.waitSeconds": "134", "kfp.register.activeDeadlineSeconds": "280"},
        {"kfp.register.waitSeconds": "600", "kfp.register.activeDeadlineSeconds": "1211"},
    ],
    ids=["dots-argo", "long-argo", "not-mounted", "63", "fits", "longer"],
)
def test_values_at_the_edge_are_not_refused(helm: Helm, settings: dict[str, str]) -> None:
    assert helm.template(*with_settings(settings)).returncode == 0


BEFORE = {"kind": "s3", "endpoint": "http://minio:9000", "region": "", "bucket": "models"}
"""The object store of the release that is upgraded."""

HELMS_TIMEOUT = 300
"""Seconds that Helm waits for a hook unless told otherwise."""

DISCOVERY: dict[str, Document] = {
    "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [{"name": "configmaps", "namespaced": True, "kind": "ConfigMap", "verbs": ["get"]}],
    },
}
"""What Helm asks before it looks an object up."""


@pytest.fixture
def upgraded(
    helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[dict[str, object]], subprocess.CompletedProcess[str]]]:
    """Renders values for a namespace that holds the release."""
    metadata = {"name": "octavo-pipeline", "annotations": {"octavo/object-store": json.dumps(BEFORE)}}
    kept = {"kind": "ConfigMap", "apiVersion": "v1", "metadata": metadata}
    cluster = Cluster({**DISCOVERY, "/api/v1/namespaces/vision/configmaps/octavo-pipeline": kept})
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with kubernetes_server(cluster, tmp_path / "config"):
        yield lambda settings: helm.template("--dry-run=server", *with_settings(settings))


CUSTOM = "/apis/argoproj.io/v1alpha1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
OF_NATIVE = "/apis/pipelines.kubeflow.org/v2beta1"


CORE = ("ConfigMap", "Secret", "ServiceAccount")
OF_ARGO = {CUSTOM: ("CronWorkflow", "Workflow", "WorkflowTemplate"), RBAC: ("Role", "RoleBinding")}


def serving(kinds: dict[str, tuple[str, ...]]) -> dict[str, Document]:
    """What a cluster says that has kinds: path of the group's version -> its kinds."""
    groups = [
        {"name": path.split("/")[2], "versions": [_version(path)], "preferredVersion": _version(path)} for path in kinds
    ]
    return {
        **DISCOVERY,
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups},
        "/api/v1": _resources("v1", CORE),
        **{path: _resources(path.removeprefix("/apis/"), names) for path, names in kinds.items()},
    }


def _resources(version: str, kinds: tuple[str, ...]) -> Document:
    found = [{"name": f"{kind.lower()}s", "namespaced": True, "kind": kind, "verbs": ["get", "list"]} for kind in kinds]
    return {"kind": "APIResourceList", "groupVersion": version, "resources": found}


def _version(path: str) -> dict[str, str]:
    return {"groupVersion": path.removeprefix("/apis/"), "version": path.split("/")[3]}


@pytest.fixture
def rendered_in(
    helm: Helm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[dict[str, Document], dict[str, object]], subprocess.CompletedProcess[str]]:
    """Renders values for a cluster that holds objects, as an upgrade does."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))

    def call(objects: dict[str, Document], settings: dict[str, object]) -> subprocess.CompletedProcess[str]:
        with kubernetes_server(Cluster(objects), tmp_path / "config"):
            return helm.template("--dry-run=server", "--disable-openapi-validation", *with_settings(settings))

    return call


Rendered = Callable[[dict[str, Document], dict[str, object]], subprocess.CompletedProcess[str]]


def with_cron(release: str, *, completed: bool = False) -> dict[str, Document]:
    """A cluster with a release's schedule `nightly`, and its workflow."""
    metadata = {"name": "octavo-nightly", "annotations": {"meta.helm.sh/release-name": release}}
    cron = {"metadata": metadata, "status": {"active": [{"name": "octavo-nightly-17"}]}}
    labels = {"workflows.argoproj.io/completed": "true"} if completed else {}
    namespace = f"{CUSTOM}/namespaces/vision"
    kinds = {"apiVersion": "argoproj.io/v1alpha1"}
    return {
        **serving(OF_ARGO),
        f"{namespace}/cronworkflows": {**kinds, "kind": "CronWorkflowList", "items": [{**kinds, **cron}]},
        f"{namespace}/workflows/octavo-nightly-17": {
            **kinds,
            "kind": "Workflow",
            "metadata": {"name": "octavo-nightly-17", "labels": labels},
        },
    }


def without_workflow(objects: dict[str, Document]) -> dict[str, Document]:
    return {path: each for path, each in objects.items() if "octavo-nightly-17" not in path}


@pytest.mark.parametrize("settings", [ARGO, {}, {**ARGO, **SCHEDULE, "schedules[0].name": "weekly"}])
def test_an_upgrade_without_a_schedule_whose_workflow_is_going_on_is_refused(
    rendered_in: Rendered, settings: dict[str, object]
) -> None:
    done = rendered_in(with_cron("octavo"), settings)

    assert done.returncode != 0
    for words in ("octavo-nightly", "octavo-nightly-17", "enabled: false"):
        assert words in done.stderr


@pytest.mark.parametrize(
    ("objects", "settings"),
    [
        (with_cron("octavo"), {**ARGO, **SCHEDULE}),
        (with_cron("octavo"), {**ARGO, **SCHEDULE, "schedules[0].enabled": "false"}),
        (with_cron("octavo", completed=True), ARGO),
        (without_workflow(with_cron("octavo")), ARGO),
        (with_cron("another"), ARGO),
    ],
    ids=["listed", "disabled", "completed", "workflow-gone", "another-release"],
)
def test_an_upgrade_that_ends_no_workflow_is_not_refused(
    rendered_in: Rendered, objects: dict[str, Document], settings: dict[str, object]
) -> None:
    assert rendered_in(objects, settings).returncode == 0


def native(*kinds: str) -> dict[str, Document]:
    """A cluster in Kubernetes-native mode that holds the pipeline, its version, both, or none."""
    text = {"Pipeline": "quantize-int8", "PipelineVersion": "quantize-int8-0.1.0"}
    return {
        **serving({OF_NATIVE: ("Pipeline", "PipelineVersion")}),
        **{
            f"{OF_NATIVE}/namespaces/vision/{kind.lower()}s/{text[kind]}": {
                "apiVersion": "pipelines.kubeflow.org/v2beta1",
                "kind": kind,
                "metadata": {"name": text[kind]},
            }
            for kind in kinds
        },
    }


def test_native_objects_are_made_before_an_installation_and_are_no_part_of_the_release(helm: Helm) -> None:
    made = [each for each in helm.render("--set=mode=kfp-native") if each["kind"].startswith("Pipeline")]

    assert [each["kind"] for each in made] == ["Pipeline", "PipelineVersion"]
    for each in made:
        assert each["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
        assert each["metadata"]["annotations"]["helm.sh/hook-delete-policy"] == "hook-failed"
    weights = [int(each["metadata"]["annotations"]["helm.sh/hook-weight"]) for each in made]
    assert weights[0] < weights[1] < 5


@pytest.mark.parametrize(
    "there", [(), ("Pipeline",), ("Pipeline", "PipelineVersion")], ids=["none", "pipeline", "both"]
)
def test_native_objects_that_are_there_are_not_made_again(
    helm: Helm, rendered_in: Rendered, there: tuple[str, ...]
) -> None:
    (version,) = [each for each in helm.render("--set=mode=kfp-native") if each["kind"] == "PipelineVersion"]
    objects = {
        path.replace("quantize-int8-0.1.0", version["metadata"]["name"]): each for path, each in native(*there).items()
    }
    done = rendered_in(objects, {"mode": "kfp-native"})
    made = {each["kind"] for each in yaml.safe_load_all(done.stdout) if each}

    assert done.returncode == 0, done.stderr
    assert made & {"Pipeline", "PipelineVersion"} == {"Pipeline", "PipelineVersion"} - set(there)


def test_the_register_job_says_why_it_failed_before_helm_gives_up() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())["kfp"]["register"]
    tries = values["backoffLimit"] + 1
    pauses = sum(10 * 2**number for number in range(values["backoffLimit"]))

    assert tries * values["waitSeconds"] + pauses < values["activeDeadlineSeconds"] < HELMS_TIMEOUT


@pytest.mark.parametrize(
    ("settings", "lost"),
    [
        ({}, "objectStore.bucket: the release has models"),
        ({"objectStore.bucket": "models"}, "objectStore.endpoint: the release has http://minio:9000"),
        ({"objectStore.kind": "gcs"}, "objectStore.bucket: the release has models"),
    ],
    ids=["everything", "endpoint", "bucket"],
)
def test_an_upgrade_that_forgets_the_object_store_is_refused(
    upgraded: Callable[[dict[str, object]], subprocess.CompletedProcess[str]], settings: dict[str, object], lost: str
) -> None:
    done = upgraded(settings)

    assert done.returncode != 0
    assert lost in done.stderr
    assert "--reset-then-reuse-values" in done.stderr


@pytest.mark.parametrize(
    "settings",
    [
        {"objectStore.bucket": "models", "objectStore.endpoint": "http://minio:9000"},
        {"objectStore.bucket": "others", "objectStore.endpoint": "https://s3.amazonaws.com"},
        {"objectStore.bucket": "models", "objectStore.kind": "gcs"},
        {"objectStore.bucket": "b", "objectStore.endpoint": "http://minio:9000", "fullnameOverride": "another"},
    ],
    ids=["same", "other", "other-kind", "other-release"],
)
def test_an_upgrade_that_names_an_object_store_is_not_refused(
    upgraded: Callable[[dict[str, object]], subprocess.CompletedProcess[str]], settings: dict[str, object]
) -> None:
    done = upgraded(settings)

    assert "openapi" in done.stderr, "everything was rendered, and the server here has no schemas to check it by"
    assert "objectStore" not in done.stderr


@pytest.mark.parametrize(
    ("settings", "image"),
    [
        ({}, "octavo/octavo:0.1.0"),
        ({"image.registry": "registry.example.com:5000/ml/"}, "registry.example.com:5000/ml/octavo/octavo:0.1.0"),
        ({"image.repository": "octavo", "image.tag": "x"}, "octavo:x"),
        ({"image.digest": f"sha256:{'0' * 64}", "image.tag": "x"}, f"octavo/octavo@sha256:{'0' * 64}"),
    ],
    ids=["default", "registry", "tag", "digest"],
)
@pytest.mark.parametrize("mode", ["kfp", "argo"])
def test_one_setting_changes_the_image_everywhere(helm: Helm, settings: dict[str, str], image: str, mode: str) -> None:
    text = helm.template(*with_settings({"mode": mode, "objectStore.bucket": "b", **settings})).stdout
    named = {line.split("image:", 1)[1].strip() for line in text.splitlines() if line.strip().startswith("image:")}

    light = image if "@" in image else f"{image}-light"
    assert named == ({image} if mode == "argo" else {image, light})


def test_the_notes_tell_how_to_see_the_first_run(helm: Helm) -> None:
    for mode, words in (("kfp", ["octavo submit --host", "helm test"]), ("argo", ["argo submit", "octavo submit"])):
        settings = with_settings({"mode": mode, "objectStore.bucket": "b"})
        done = helm.run("install", "octavo", CHART, "--dry-run=client", "--namespace=vision", *settings)
        assert [word for word in words if word not in done.stdout.split("NOTES:")[1]] == []


@pytest.mark.parametrize("schedule", [SCHEDULE, {}], ids=["schedules", "none"])
def test_the_notes_of_an_installation_tell_when_argo_sees_its_schedules(helm: Helm, schedule: dict[str, str]) -> None:
    settings = with_settings({**ARGO, **schedule})
    done = helm.run("install", "octavo", CHART, "--dry-run=client", "--namespace=vision", *settings)

    assert ("annotate cronworkflows" in done.stdout.split("NOTES:")[1]) == bool(schedule)
