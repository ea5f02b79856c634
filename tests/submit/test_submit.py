"""`octavo submit` against servers that keep their state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import kfp_server_api as api
import pytest
import yaml

from helm_chart import Helm, find_helm, the, with_settings
from kfp_server import State
from kubernetes_server import Cluster
from octavo.errors import SpecError
from octavo.submit.parameters import Wanted, checked
from quickstart import PIPELINE

Run = Callable[..., tuple[int, str, str]]

COMPILED = PIPELINE / "pipeline.yaml"
TEMPLATES = "/apis/argoproj.io/v1alpha1/namespaces/vision/workflowtemplates"
WORKFLOWS = "/apis/argoproj.io/v1alpha1/namespaces/vision/workflows"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

QUICK = ("--poll-seconds=0.01", "--wait=2")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A target with the files that a run publishes."""
    folder = tmp_path / "target"
    folder.mkdir()
    for name in ("summary.json", "report.html"):
        (folder / name).write_text(name)
    return folder


@pytest.fixture
def parameters(target: Path) -> list[str]:
    given = {"model_uri": "s3://m", "calibration_uri": "s3://c", "validation_uri": "s3://v", "preprocessing": "torch"}
    return [f"--set={name}={value}" for name, value in {**given, "target_uri": target}.items()]


@pytest.fixture
def registered(host: str, run: Run, tmp_path: Path) -> str:
    """The address of a server with two versions of the pipeline."""
    for version in ("0.1.0-a", "0.2.0-b"):
        document = {"owner": "x", "pipeline": "quantize-int8", "version": version}
        (tmp_path / "registration.yaml").write_text(yaml.safe_dump(document))
        done = run(
            *("register", f"--registration={tmp_path / 'registration.yaml'}"),
            *(f"--pipeline-file={COMPILED}", f"--host={host}"),
        )
        assert done[0] == 0, done
    return host


def detail(name: str, run_state: str, **fields: Any) -> Any:
    return api.V2beta1PipelineTaskDetail(
        task_id=f"task-{name}",
        display_name=name,
        state=run_state,
        start_time=NOON,
        end_time=NOON + timedelta(seconds=12) if run_state != "RUNNING" else None,
        **fields,
    )


def stages(*moments: tuple[str, list[Any]]) -> Callable[[Any], None]:
    """Let a run be at the next moment each time that it is asked for, and stay at the last."""
    left = list(moments)

    def advance(run: Any) -> None:
        run.state, details = left.pop(0) if len(left) > 1 else left[0]
        run.run_details = api.V2beta1RunDetails(task_details=details)

    return advance


def test_a_run_on_kubeflow_is_followed_and_its_result_fetched(
    registered: str, run: Run, state: State, parameters: list[str], tmp_path: Path
) -> None:
    own = [detail("root", "RUNNING"), detail("fetch-model-driver", "SUCCEEDED")]
    state.on_run = stages(
        ("PENDING", []),
        ("RUNNING", [*own, detail("fetch-model", "RUNNING")]),
        ("SUCCEEDED", [*own, detail("fetch-model", "SUCCEEDED"), detail("calibrate", "SUCCEEDED")]),
    )
    status, out, err = run(
        *("submit", f"--host={registered}", *parameters, "--set=shards=8", "--set=tolerance=0.5"),
        *(f"--output={tmp_path / 'result'}", *QUICK),
    )

    assert status == 0, err
    (made,) = state.runs.values()
    newest = max(state.versions.values(), key=lambda version: version.pipeline_version_id)
    assert made.pipeline_version_reference.pipeline_version_id == newest.pipeline_version_id
    assert (made.runtime_config.parameters["shards"], made.runtime_config.parameters["tolerance"]) == (8, 0.5)
    assert err.splitlines() == ["ok     Fetch model        12.0 s", "ok     Calibrate          12.0 s"]
    assert f"started: {registered}/#/runs/details/{made.run_id}" in out
    assert (tmp_path / "result" / "report.html").read_text() == "report.html"


def test_a_step_that_fails_on_kubeflow_is_named_with_its_reason_and_its_log(
    registered: str, run: Run, state: State, cluster: Cluster, parameters: list[str]
) -> None:
    fault = api.GoogleRpcStatus(message="exit status 2")
    child = api.PipelineTaskDetailChildTask(pod_name="pod-1")
    failed = detail("plan-shards", "FAILED", error=fault, child_tasks=[child])
    state.on_run = stages(("FAILED", [detail("fetch-model", "SUCCEEDED"), failed]))
    cluster.logs["pod-1"] = "\n".join([*map(str, range(50)), "octavo: error: there is no data set"])
    status, _, err = run("submit", f"--host={registered}", *parameters, *QUICK)

    assert status == 2
    assert "failed Plan shards" in err
    assert "the step 'Plan shards' failed: exit status 2; see http" in err
    assert err.rstrip().endswith("octavo: error: there is no data set")
    assert "\n12\n" not in err


def test_without_a_kubeconfig_the_log_is_said_to_be_in_the_user_interface(
    registered: str, run: Run, state: State, parameters: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "nowhere"))
    state.on_run = stages(("FAILED", [detail("plan-shards", "FAILED", pod_name="pod-1")]))
    status, _, err = run("submit", f"--host={registered}", *parameters, *QUICK)

    assert status == 2
    assert "the log is in the user interface" in err


def test_a_chosen_version_runs_and_nobody_waits(registered: str, run: Run, state: State, parameters: list[str]) -> None:
    status, out, err = run("submit", f"--host={registered}", *parameters, "--version=0.1.0-a", "--no-follow")

    assert status == 0, err
    (made,) = state.runs.values()
    version = state.versions[made.pipeline_version_reference.pipeline_version_id]
    assert version.display_name == "0.1.0-a"
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--set=model=x"], ["no parameter 'model'", "model_uri"]),
        (["--set=shards=many"], ["shards is 'many'", "a number"]),
        (["--set=shards"], ["no NAME=VALUE"]),
        (["--version=9"], ["no version '9'", "0.1.0-a, 0.2.0-b"]),
        (["--pipeline=other"], ["no pipeline 'other'"]),
        (["--argo-template=x"], ["wanted one of --host"]),
        (["--parameters=nowhere.yaml"], ["nowhere.yaml"]),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_starts(
    registered: str, run: Run, state: State, parameters: list[str], flags: list[str], words: list[str]
) -> None:
    status, _, err = run("submit", f"--host={registered}", *parameters, *flags)

    assert status == 2
    assert [word for word in words if word not in err] == []
    assert state.runs == {}


def test_missing_parameters_are_listed(registered: str, run: Run) -> None:
    status, _, err = run("submit", f"--host={registered}", "--set=model_uri=x")

    assert status == 2
    assert "calibration_uri, preprocessing, target_uri, validation_uri" in err


def test_a_file_gives_parameters_and_flags_count_over_it(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("model_uri: s3://m\nshards: 4\nrecipe: {per_channel: false}\n")
    status, out, err = run("submit", "--host=http://x", f"--parameters={file}", "--set=shards=9", "--dry-run")

    assert status == 0, err
    shown = yaml.safe_load(out)
    assert shown["parameters"] == {"model_uri": "s3://m", "shards": "9", "recipe": {"per_channel": False}}
    assert shown["pipeline"] == "quantize-int8"


@pytest.fixture
def installed(cluster: Cluster) -> Cluster:
    """A cluster with the chart's WorkflowTemplate."""
    program = find_helm()
    if program is None:
        pytest.skip("no helm")
    documents = Helm(program).render(*with_settings({"mode": "argo", "objectStore.bucket": "b"}))
    cluster.objects[f"{TEMPLATES}/octavo"] = the(documents, "WorkflowTemplate", "octavo")
    return cluster


def node(key: str, name: str, phase: str, **fields: Any) -> dict[str, Any]:
    times = {"startedAt": "2026-01-01T12:00:00Z", "finishedAt": "2026-01-01T12:00:12Z"}
    made = {"id": key, "displayName": name, "templateName": name, "type": "Pod", "phase": phase, **fields}
    return made | (times if phase in ("Succeeded", "Failed") else {})


def workflow_at(*moments: dict[str, Any]) -> Callable[[Any], None]:
    left = list(moments)

    def advance(document: Any) -> None:
        if document["kind"] == "Workflow":
            document["status"] = left.pop(0) if len(left) > 1 else left[0]

    return advance


def nodes(*entries: dict[str, Any]) -> dict[str, Any]:
    return {entry["id"]: entry for entry in entries}


def test_a_run_on_argo_is_followed_and_its_result_fetched(
    installed: Cluster, run: Run, parameters: list[str], tmp_path: Path
) -> None:
    tried = node("octavo-1", "fetch-model", "Succeeded", type="Retry", children=["octavo-2", "octavo-3"])
    pods = [node("octavo-2", "fetch-model(0)", "Failed"), node("octavo-3", "fetch-model(1)", "Succeeded")]
    installed.on_get = workflow_at(
        {},
        {"phase": "Running", "nodes": nodes(node("octavo-1", "fetch-model", "Running", type="Retry", children=[]))},
        {"phase": "Succeeded", "nodes": nodes(tried, *pods)},
    )
    status, out, err = run(
        *("submit", "--argo-template=octavo", "--namespace=vision", *parameters, "--set=shards=8"),
        *(f"--output={tmp_path / 'result'}", *QUICK),
    )

    assert status == 0, err
    made = installed.objects[f"{WORKFLOWS}/octavo-x7k2p"]
    given = {each["name"]: each["value"] for each in made["spec"]["arguments"]["parameters"]}
    assert given["shards"] == "8"
    assert made["spec"]["workflowTemplateRef"] == {"name": "octavo"}
    assert err.splitlines() == ["ok     fetch-model        12.0 s"]
    assert "workflow octavo-x7k2p" in out
    assert (tmp_path / "result" / "summary.json").exists()


def test_a_step_that_fails_on_argo_is_named_with_its_reason_and_its_log(
    installed: Cluster, run: Run, parameters: list[str]
) -> None:
    tried = node("octavo-x7k2p-1", "plan-shards", "Failed", type="Retry", children=["octavo-x7k2p-2"])
    pod = {**node("octavo-x7k2p-2", "plan-shards(0)", "Failed", message="exit code 2"), "templateName": "plan-shards"}
    installed.on_get = workflow_at({"phase": "Failed", "message": "child failed", "nodes": nodes(tried, pod)})
    installed.logs["octavo-x7k2p-plan-shards-2"] = "octavo: error: there is no data set"
    status, _, err = run("submit", "--argo-template=octavo", "--namespace=vision", *parameters, *QUICK)

    assert status == 2
    assert "the step 'plan-shards' failed: exit code 2" in err
    assert err.rstrip().endswith("octavo: error: there is no data set")


def test_a_missing_template_ends_in_one_sentence(cluster: Cluster, run: Run, parameters: list[str]) -> None:
    status, _, err = run("submit", "--argo-template=octavo", "--namespace=vision", *parameters)

    assert (status, len(err.splitlines())) == (2, 1)
    assert 'workflowtemplates "octavo" not found' in err
    assert cluster.requests == [f"GET {TEMPLATES}/octavo"]


def test_argo_parameters_are_checked_against_the_template(installed: Cluster, run: Run) -> None:
    status, _, err = run("submit", "--argo-template=octavo", "--namespace=vision", "--set=model_uri=x")

    assert status == 2
    assert "calibration_uri, preprocessing, target_uri, validation_uri" in err
    assert not [request for request in installed.requests if request.startswith("POST")]


def test_a_dry_run_prints_the_workflow_and_sends_nothing(cluster: Cluster, run: Run) -> None:
    status, out, _ = run("submit", "--argo-template=octavo", "--set=model_uri=s3://m", "--dry-run")

    assert status == 0
    assert yaml.safe_load(out)["spec"]["arguments"]["parameters"] == [{"name": "model_uri", "value": "s3://m"}]
    assert cluster.requests == []


@pytest.mark.parametrize("value", [2.7, float("inf"), float("nan"), "2.7", [2]])
def test_a_number_with_a_fraction_is_not_cut_to_a_whole_one(value: object) -> None:
    with pytest.raises(SpecError, match=r"shards is .*; wanted a number"):
        checked({"shards": value}, {"shards": Wanted("NUMBER_INTEGER")})
    assert checked({"shards": 2.0}, {"shards": Wanted("NUMBER_INTEGER")}) == {"shards": 2}
    recipe = {"calibration": {"percentile": 99.99999}}
    assert checked({"recipe": recipe}, {"recipe": Wanted()}) == {"recipe": '{"calibration": {"percentile": 99.99999}}'}
    assert checked({"tolerance": "0.1"}, {"tolerance": Wanted("NUMBER_DOUBLE")}) == {"tolerance": 0.1}
