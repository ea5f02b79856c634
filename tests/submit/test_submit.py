"""`octavo submit` against servers that keep their state."""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
import zlib
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import kfp_server_api as api
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from helm_chart import Helm, find_helm, the, with_settings
from kfp_server import State
from kubernetes_server import Cluster
from octavo.cluster.submit.parameters import Wanted, checked, run_name
from octavo.cluster.submit.printed import last_sentence
from octavo.errors import SpecError
from octavo.pod import wrapped
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


def declared_parameters() -> set[str]:
    """The parameters that the pipeline has."""
    pipeline, _ = yaml.safe_load_all(COMPILED.read_text())
    return set(pipeline["root"]["inputDefinitions"]["parameters"])


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
    own = [detail(name, "SUCCEEDED") for name in ("root", "prepare-model", "prepare-model(0)", "fetch-model-driver")]
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
    assert made.runtime_config.parameters.keys() == declared_parameters()
    assert made.runtime_config.parameters["calibration_limit"] == 500
    assert re.fullmatch(r"m \d\d-\d\d \d\d:\d\d:\d\d", made.display_name)
    (experiment,) = state.experiments.values()
    assert experiment.description.startswith("Runs of quantize-int8: ")
    assert err.splitlines() == ["ok     Fetch model        12.0 s", "ok     Calibrate shard    12.0 s"]
    assert f"started: {registered}/#/runs/details/{made.run_id}" in out
    assert (tmp_path / "result" / "report.html").read_text() == "report.html"


def task(name: str, run_state: str, *children: str) -> Any:
    """A task as Kubeflow lists it: of the pods within it, the ids of their nodes."""
    return detail(name, run_state, child_tasks=[api.PipelineTaskDetailChildTask(pod_name=each) for each in children])


def pod(path: str, *, seconds: int, status: int = 0, reason: str = "") -> dict[str, Any]:
    """A pod of the run that has ended, named as Kubeflow names it: after the hash of its node's name."""
    name = f"octavo-x7k2p-retry-system-container-impl-{zlib.crc32(path.encode())}"
    ended = {"exitCode": status, "reason": reason or ("Error" if status else "Completed")}
    ended["finishedAt"] = f"{NOON + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
    image = {"image": "octavo/octavo", "imageID": "", "ready": False, "restartCount": 0}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "kubeflow",
            "labels": {"pipeline/runid": "run-0005", "workflows.argoproj.io/workflow": "octavo-x7k2p"},
            "annotations": {"workflows.argoproj.io/node-name": f"octavo-x7k2p(0).root(0).{path}"},
        },
        "status": {
            "phase": "Failed" if status else "Succeeded",
            "containerStatuses": [
                {**image, "name": "wait", "state": {"terminated": {**ended, "exitCode": 0, "reason": "Completed"}}},
                {**image, "name": "main", "state": {"terminated": ended}},
            ],
        },
    }


@pytest.fixture
def put(cluster: Cluster) -> Callable[..., None]:
    """Puts pods into the cluster, each with what it printed."""

    def call(*pods: tuple[dict[str, Any], str]) -> None:
        for found, printed in pods:
            name = found["metadata"]["name"]
            cluster.objects[f"/api/v1/namespaces/kubeflow/pods/{name}"] = found
            cluster.logs[name] = printed

    return call


PRINTED = "\n".join(
    (
        'time="2026-01-01T12:00:00.1Z" level=info msg="capturing logs" argo=true',
        "I0101 12:00:01.123456      15 launcher_v2.go:215] publish success.",
        *map(str, range(50)),
        "octavo: error: there is no data set under",
        "s3://data/calibration; wanted examples",
        "E0101 12:00:01.123456      16 launcher_v2.go:449] Component failed to execute successfully",
        "F0101 12:00:01.123456      16 main.go:59] failed to execute component: exit status 2",
        'time=2026-01-01T12:00:09Z level=INFO msg="sub-process exited" argo=true error="<nil>"',
        '{"argo":true,"level":"info","msg":"stopping","time":"2026-01-01T12:00:09Z"}',
        "Error: exit status 2",
    )
)

SENTENCE = "there is no data set under s3://data/calibration; wanted examples"
"""What the step says in that log, on one line."""


def test_a_step_that_fails_on_kubeflow_is_found_by_its_pod_and_named_with_reason_and_log(
    registered: str, run: Run, state: State, put: Callable[..., None], parameters: list[str]
) -> None:
    state.on_run = stages(
        ("FAILED", [task("fetch-model", "SUCCEEDED"), task("plan-calibration", "FAILED", "octavo-x7k2p-7")])
    )
    put(
        (pod("fetch-model(0).executor(0)", seconds=5, status=1), "a first try that failed"),
        (pod("fetch-model(0).executor(1)", seconds=9), "fetched"),
        (pod("plan-calibration(0).executor(0)", seconds=20, status=2), "the first try"),
        (pod("plan-calibration(0).executor(1)", seconds=40, status=2), PRINTED),
        (pod("plan-evaluation(0).executor(0)", seconds=45, status=143), "killed with the run"),
    )
    status, _, err = run("submit", f"--host={registered}", *parameters, *QUICK)

    assert status == 2
    assert "failed Plan calibration" in err
    assert f"the step 'Plan calibration' failed: {SENTENCE} (Error (exit status 2)); see http" in err
    assert err.rstrip().endswith("\n49")
    assert err.count("there is no data set") == 1
    assert "argo" not in err
    assert "launcher" not in err
    assert "\n12\n" not in err


def test_a_failure_that_kubeflow_lists_no_task_of_is_found_by_the_pod(
    registered: str, run: Run, state: State, put: Callable[..., None], parameters: list[str]
) -> None:
    state.on_run = stages(("FAILED", []))  # as it is where the nodes' states are compressed
    turn = "for-loop-1(0).iteration-iterations(0:0)(0).iteration-item(0)"
    killed = pod(f"calibrate-ranges(0).{turn}.calibrate(0).executor(0)", seconds=9, status=137, reason="OOMKilled")
    put((killed, "Killed"))
    status, _, err = run("submit", f"--host={registered}", *parameters, *QUICK)

    assert status == 2
    assert (
        "'Calibrate shard' failed: OOMKilled (exit status 137): its memory ran out, so raise "
        "resources.calibrate-shard.limits.memory; see http"
    ) in err


KILLED = "octavo: error: the process was killed by SIGKILL, most likely because memory ran out"


@pytest.mark.parametrize(
    ("path", "status", "reason", "printed", "words"),
    [
        (
            "fetch-model",
            137,
            "",
            "",
            ["(exit status 137): most likely its", "raise resources.fetch-model.limits.memory"],
        ),
        ("fetch-model", 1, "", KILLED, ["because memory ran out (Error", "raise resources.fetch-model.limits.memory"]),
    ],
)
def test_a_step_on_kubeflow_that_was_killed_is_told_which_value_raises_its_memory(
    registered: str, run: Run, state: State, put: Callable[..., None], parameters: list[str], path: str, status: int,
    reason: str, printed: str, words: list[str],
) -> None:  # fmt: skip
    state.on_run = stages(("FAILED", []))
    put((pod(f"{path}(0).executor(0)", seconds=9, status=status, reason=reason), printed))
    err = run("submit", f"--host={registered}", *parameters, *QUICK)[2]

    assert [word for word in words if word not in err] == []


@pytest.mark.parametrize(("message", "told"), [("OOMKilled (exit code 137)", True), ("exit code 2", False)])
def test_a_step_on_argo_that_was_killed_is_told_which_value_raises_its_memory(
    installed: Cluster, run: Run, parameters: list[str], message: str, told: bool
) -> None:
    failed = node("octavo-x7k2p-1", "calibrate(0:index:0,start:0,stop:50)", "Failed", message=message)
    installed.on_get = workflow_at({"phase": "Failed", "nodes": nodes({**failed, "templateName": "calibrate"})})
    err = run("submit", "--argo-template=octavo", "--namespace=vision", *parameters, *QUICK)[2]

    assert ("its memory ran out, so raise resources.calibrate.limits.memory; see" in err) == told


@given(st.text("a\n:", max_size=20), st.lists(st.text("octav:", min_size=1), min_size=1))
def test_the_sentence_of_a_log_is_found_whole_however_it_is_wrapped(before: str, words: list[str]) -> None:
    sentence = " ".join(words)
    log = f"{before}\n{wrapped(f'octavo: error: {sentence}', 20)}"

    assert last_sentence(log) == (sentence, before.rstrip())
    assert last_sentence(before) == ("", before)
    assert last_sentence(f"it says octavo: error: {before}") == ("", f"it says octavo: error: {before}")


def test_an_evicted_pod_is_told_in_kubernetes_words(
    registered: str, run: Run, state: State, put: Callable[..., None], parameters: list[str]
) -> None:
    state.on_run = stages(("FAILED", []))
    why = "The node was low on resource: ephemeral-storage."
    evicted = pod("plan-calibration(0).executor(0)", seconds=9)
    evicted["status"] = {"phase": "Failed", "reason": "Evicted", "message": why}
    put((evicted, ""))
    err = run("submit", f"--host={registered}", *parameters, *QUICK)[2]

    assert f"'Plan calibration' failed: Evicted: {why.rstrip('.')}; see" in err


@pytest.mark.parametrize("name", ["octavo-x7k2p-8", "octavo-x7k2p-retry-system-container-impl-8"])
@pytest.mark.parametrize("pods", ["no kubeconfig", "no pod is left"])
def test_without_its_pod_the_log_of_a_failed_step_comes_from_kubeflow(
    registered: str, run: Run, state: State, parameters: list[str], name: str, pods: str, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("no_kubeconfig" if pods == "no kubeconfig" else "cluster")
    tries = [
        task("executor", "FAILED", "octavo-x7k2p-7", "octavo-x7k2p-8"),
        task("executor(1)", "FAILED", "octavo-x7k2p-9"),
    ]
    steps = [task("fetch-model", "SUCCEEDED", "octavo-x7k2p-3"), task("plan-calibration", "FAILED", "octavo-x7k2p-6")]
    state.on_run = stages(("FAILED", [task("root", "FAILED", "octavo-x7k2p-1"), *steps, *tries]))
    state.logs = {
        name: PRINTED,
        "octavo-x7k2p-1": "the driver",
        "octavo-x7k2p-3": "fetched",
        "octavo-x7k2p-9": "the next",
    }
    status, _, err = run("submit", f"--host={registered}", *parameters, *QUICK)

    assert status == 2
    assert f"the step 'Plan calibration' failed: {SENTENCE}; see http" in err
    assert "argo" not in err


@pytest.fixture
def no_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk without a cluster."""
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "nowhere"))


@pytest.mark.usefixtures("no_kubeconfig")
def test_a_log_that_nobody_has_is_said_to_be_in_the_user_interface(
    registered: str, run: Run, state: State, parameters: list[str]
) -> None:
    state.on_run = stages(("FAILED", [task("plan-calibration", "FAILED", "octavo-x7k2p-6")]))
    status, _, err = run("submit", f"--host={registered}", *parameters, *QUICK)

    assert status == 2
    assert "the log is in the user interface; no cluster is known here" in err


@pytest.mark.usefixtures("no_kubeconfig")
def test_a_run_that_is_cancelled_has_failed(registered: str, run: Run, state: State, parameters: list[str]) -> None:
    state.on_run = stages(("CANCELED", []))
    status, _, err = run("submit", f"--host={registered}", *parameters, *QUICK)

    assert status == 2
    assert "the run failed: no step says why; see http" in err


def test_an_api_of_kubeflow_that_is_away_for_a_moment_is_asked_again(
    registered: str, run: Run, state: State, parameters: list[str]
) -> None:
    asked = iter(range(3))

    def advance(run_: Any) -> None:
        state.failing = 1 if next(asked, None) is not None else 0
        run_.state = "RUNNING" if state.failing else "SUCCEEDED"

    state.on_run = advance
    status, _, err = run("submit", f"--host={registered}", *parameters, *QUICK)
    assert status == 0, err


@pytest.mark.parametrize("flavour", ["kubeflow", "argo"])
def test_a_run_that_nothing_picks_up_is_told_once(
    flavour: str,
    registered: str,
    run: Run,
    state: State,
    installed: Cluster,
    parameters: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("octavo.cluster.submit.follow.UNSEEN_SECONDS", 0.05)
    state.on_run = stages(*[("PENDING", [])] * 20, ("SUCCEEDED", []))
    installed.on_get = workflow_at(*[{}] * 20, {"phase": "Succeeded"})
    where = [f"--host={registered}"] if flavour == "kubeflow" else ["--argo-template=octavo", "--namespace=vision"]
    status, _, err = run("submit", *where, *parameters, *QUICK)

    assert status == 0, err
    (line,) = err.splitlines()
    assert line.startswith("nothing has picked the run up for 0.05 s: ")
    assert "workflow controller" in line or "workflow-controller" in line


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
        (["--set=tolerance=-101"], ["tolerance is -101.0", "wanted 0 or more"]),
        (["--set=tolerance=inf"], ["tolerance is inf", "wanted 0 or more"]),
        (["--set=shards=0"], ["shards is 0", "wanted 1 or more"]),
        (
            ["--set=shards=300"],
            ["are 304", "than the 250 that one run on Kubeflow", "mode argo carries 2000", "Indexed Job"],
        ),
        (["--set=shards=206", "--set=evaluation_shards=23"], ["shards and twice evaluation_shards are 252"]),
        (["--set=recipe=per_channel: true bias: float32"], ["write it {per_channel: true, bias: float32}"]),
        (["--set=preprocessing=torchh"], ["no preprocessing preset 'torchh'"]),
        (["--set=target_uri=ftp://host/a"], ["target_uri", "ftp:// is not supported"]),
        (["--set=model_uri=s3:/models/a"], ["model_uri", "wanted s3://"]),
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
    installed.logs["octavo-x7k2p-plan-shards-2"] = PRINTED
    status, _, err = run("submit", "--argo-template=octavo", "--namespace=vision", *parameters, *QUICK)

    assert status == 2
    assert f"the step 'plan-shards' failed: {SENTENCE} (exit code 2); see" in err
    assert "argo=true" not in err


def test_compressed_states_of_nodes_are_read(installed: Cluster, run: Run, parameters: list[str]) -> None:
    there = nodes(node("octavo-x7k2p-1", "fetch-model", "Succeeded"), node("octavo-x7k2p-2", "plan-shards", "Running"))
    compressed = base64.b64encode(gzip.compress(json.dumps(there).encode())).decode()
    done = {
        "phase": "Succeeded",
        "nodes": {**there, "octavo-x7k2p-2": node("octavo-x7k2p-2", "plan-shards", "Succeeded")},
    }
    installed.on_get = workflow_at({"phase": "Running", "compressedNodes": compressed}, done)
    status, _, err = run("submit", "--argo-template=octavo", "--namespace=vision", *parameters, *QUICK)

    assert status == 0, err
    assert err.splitlines() == ["ok     fetch-model        12.0 s", "ok     plan-shards        12.0 s"]


def test_an_api_of_kubernetes_that_is_away_for_a_moment_is_asked_again(
    installed: Cluster, run: Run, parameters: list[str]
) -> None:
    installed.failing = 2
    installed.on_get = workflow_at({"phase": "Succeeded"})
    status, _, err = run("submit", "--argo-template=octavo", "--namespace=vision", *parameters, *QUICK)
    assert status == 0, err


def test_an_api_of_kubernetes_that_stays_away_is_told(
    installed: Cluster, run: Run, parameters: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octavo.cluster.submit.on_argo.AWAY_SECONDS", 1.0)
    installed.failing = 100
    status, _, err = run("submit", "--argo-template=octavo", "--namespace=vision", *parameters, *QUICK)

    assert status == 2
    assert "the API of Kubernetes cannot answer now (2 tries in 1 s): the server is currently unable" in err


def test_a_workflow_that_is_deleted_meanwhile_is_told(installed: Cluster, run: Run, parameters: list[str]) -> None:
    def vanish(document: Any) -> None:
        if document["kind"] == "Workflow":
            del installed.objects[f"{WORKFLOWS}/{document['metadata']['name']}"]

    installed.on_get = vanish
    status, _, err = run("submit", "--argo-template=octavo", "--namespace=vision", *parameters, *QUICK)

    assert status == 2
    assert "not found" in err


def test_argo_carries_more_shards_than_kubeflow_and_not_any_number(
    installed: Cluster, run: Run, parameters: list[str]
) -> None:
    installed.on_get = workflow_at({"phase": "Succeeded"})
    where = ("--argo-template=octavo", "--namespace=vision", *parameters)
    assert run("submit", *where, "--set=shards=1000", *QUICK)[0] == 0
    for refused, words in (
        ("shards=1997", "than the 2000 that one run on Argo"),
        ("tolerance=-101", "wanted 0 or more"),
    ):
        status, _, err = run("submit", *where, f"--set={refused}", *QUICK)
        assert (status, words in err) == (2, True)


def test_a_template_that_runs_shards_as_a_job_takes_ten_thousand(
    installed: Cluster, run: Run, parameters: list[str]
) -> None:
    installed.on_get = workflow_at({"phase": "Succeeded"})
    step = {"name": "calibrate", "container": {"command": ["octavo", "run-component", "calibrate_in_job"]}}
    installed.objects[f"{TEMPLATES}/octavo"]["spec"]["templates"] = [{"name": "main", "dag": {}}, step]
    where = ("--argo-template=octavo", "--namespace=vision", *parameters)

    assert run("submit", *where, "--set=shards=10000", "--set=evaluation_shards=10000", *QUICK)[0] == 0
    status, _, err = run("submit", *where, "--set=evaluation_shards=10001", *QUICK)
    assert (status, "evaluation_shards is 10001; wanted 10000 or fewer" in err) == (2, True)


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


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("s3://models/resnet/checkpoint", "resnet"),
        ("s3://models/resnet50.pb", "resnet50"),
        ("gs://bucket/mobilenet_v1/saved_model/3", "mobilenet_v1"),
        ("/data/model", "data"),
        ("file:///model", "model"),
        ("s3://model", "model"),
        ("", "model"),
    ],
)
def test_a_run_is_named_by_its_model_and_the_time(uri: str, name: str) -> None:
    at = time.struct_time((2026, 12, 1, 15, 4, 33, 1, 335, 0))

    assert run_name(uri, at) == f"{name} 12-01 15:04:33"


@pytest.mark.parametrize("value", [2.7, float("inf"), float("nan"), "2.7", [2]])
def test_a_number_with_a_fraction_is_not_cut_to_a_whole_one(value: object) -> None:
    with pytest.raises(SpecError, match=r"shards is .*; wanted a number"):
        checked({"shards": value}, {"shards": Wanted("NUMBER_INTEGER")})
    assert checked({"shards": 2.0}, {"shards": Wanted("NUMBER_INTEGER")}) == {"shards": 2}
    recipe = {"calibration": {"percentile": 99.99999}}
    assert checked({"recipe": recipe}, {"recipe": Wanted()}) == {"recipe": '{"calibration": {"percentile": 99.99999}}'}
    assert checked({"tolerance": "0.1"}, {"tolerance": Wanted("NUMBER_DOUBLE")}) == {"tolerance": 0.1}


@pytest.mark.parametrize(("value", "sent"), [(True, True), (False, False), ("true", True), ("False", False)])
def test_a_switch_is_sent_as_the_truth_value_that_the_server_wants(value: object, sent: bool) -> None:
    assert checked({"reuse": value}, {"reuse": Wanted("BOOLEAN")}) == {"reuse": sent}
    assert checked({}, {"reuse": Wanted("BOOLEAN", default=sent)}) == {"reuse": sent}
    assert checked({"reuse": value}, {"reuse": Wanted()}) == {
        "reuse": str(value) if isinstance(value, str) else str(sent).lower()
    }


@pytest.mark.parametrize("value", ["yes", 1, "", None, [True]])
def test_a_switch_that_is_neither_true_nor_false_is_refused(value: object) -> None:
    with pytest.raises(SpecError, match=r"reuse is .*; wanted true or false"):
        checked({"reuse": value}, {"reuse": Wanted("BOOLEAN")})


def test_a_date_in_a_document_is_sent_as_it_is_written() -> None:
    recipe = {"since": date(2026, 1, 2)}

    assert checked({"recipe": recipe}, {"recipe": Wanted()}) == {"recipe": '{"since": "2026-01-02"}'}
