"""The chart as a package: lint, refusals, generated files, golden manifests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from chart_files import chart_files, described
from helm_chart import CHART, CI_VALUES, GOLDEN, Document, Helm, golden_text, with_settings, with_values
from kubernetes_server import Cluster, kubernetes_server

NAMES = [file.name.removesuffix("-values.yaml") for file in CI_VALUES]

SCHEDULE = {
    "schedules[0].name": "nightly",
    "schedules[0].cron": "0 2 * * *",
    **{f"schedules[0].parameters.{name}_uri": "s3://b/x" for name in ("model", "calibration", "validation", "target")},
    "schedules[0].parameters.preprocessing": "torch",
}


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


@pytest.mark.parametrize("name", NAMES)
def test_manifests_are_the_golden_ones(rendered: dict[str, list[Document]], name: str) -> None:
    current = golden_text(rendered[name])

    assert (GOLDEN / f"{name}.yaml").read_text() == current, "look at the difference, then run `make chart`"


def test_every_golden_file_has_its_values() -> None:
    assert sorted(file.stem for file in GOLDEN.glob("*.yaml")) == sorted(NAMES)


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
        ({"resources.calibrate.limits.cpus": "1"}, ["at '/resources/calibrate/limits'", "'cpus' not allowed"]),
        ({"priorityClassName": "batch"}, ["priorityClassName", "mode argo only"]),
        ({"parameters.preprocessing": "torch"}, ["parameters", "mode argo only"]),
        ({"mode": "argo"}, ["objectStore.bucket is empty"]),
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


BEFORE = {"kind": "s3", "endpoint": "http://minio:9000", "region": "", "bucket": "models"}
"""The object store of the release that is upgraded."""

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
