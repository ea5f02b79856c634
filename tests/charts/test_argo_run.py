"""The rendered Argo workflow, run in the container engine without a cluster: the bytes of Kubeflow's own run."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from argo import AsProcess, InEngine, Pod, Runner, Workflow, WorkflowFailedError
from engine import Engine
from helm_chart import Document, Helm, with_settings
from kfp_run import NOISE, published_by_kfp
from octavo.storage import list_objects, read_bytes, upload
from quickstart import PUBLISHED_FILES, QUICKSTART
from servers import StorageServer

pytestmark = [pytest.mark.servers, pytest.mark.pipeline]

SECRET = "octavo-object-store"
SHARDS = {
    "calibrate-shard": ["min_max_log-0", "min_max_log-1", "min_max_log-2"],
    "evaluate-shard": ["fp32-0", "int8-0"],
}
"""The turns of each step that has a pod for each of them."""


@pytest.fixture(scope="module")
def store(s3_server: StorageServer) -> Iterator[StorageServer]:
    """A bucket with the quick start's model and data."""
    server = s3_server.with_fresh_bucket()
    with pytest.MonkeyPatch.context() as patch:
        server.use(patch)
        for path in (*QUICKSTART.model.iterdir(), QUICKSTART.calibration, QUICKSTART.validation):
            upload(path, server.uri(str(path.relative_to(QUICKSTART.model.parent))))
        yield server


@pytest.fixture(scope="module")
def manifests(helm: Helm, store: StorageServer) -> list[Document]:
    settings = {"mode": "argo", "objectStore.bucket": store.bucket, "objectStore.endpoint": store.endpoint}
    return helm.render(*with_settings(settings))


def workflow(manifests: list[Document], store: StorageServer, folder: Path, runner: Runner) -> Workflow:
    parameters = {
        "model_uri": store.uri("model"),
        "calibration_uri": store.uri("calibration.npz"),
        "validation_uri": store.uri("validation.npz"),
        "target_uri": store.uri("target"),
        "preprocessing": "unit",
        "shards": "3",
        "evaluation_shards": "1",
    }
    keys = {name: value for name, value in store.environment.items() if name.startswith("AWS_")}
    return Workflow(manifests, parameters, {SECRET: keys}, folder, runner)


class Seen:
    """A runner that keeps the pods that it has run, by name."""

    def __init__(self, run_pod: Runner) -> None:
        self.run_pod = run_pod
        self.pods: dict[str, Pod] = {}

    def __call__(self, pod: Pod) -> subprocess.CompletedProcess[str]:
        self.pods[pod.name] = pod
        return self.run_pod(pod)


@pytest.fixture(scope="module")
def in_engine(engine: Engine) -> Seen:
    return Seen(InEngine(engine))


@pytest.fixture(scope="module")
def run(
    manifests: list[Document], store: StorageServer, tmp_path_factory: pytest.TempPathFactory, in_engine: Seen
) -> Workflow:
    made = workflow(manifests, store, tmp_path_factory.mktemp("workflow"), in_engine)
    start = time.monotonic()
    made.run()
    print(f"{len(made.ran)} pods in the container engine in {time.monotonic() - start:.0f} s")
    return made


@pytest.mark.int8
@pytest.mark.engine
@pytest.mark.filterwarnings(*NOISE)
@pytest.mark.usefixtures("run")
def test_the_workflow_publishes_the_bytes_that_kubeflows_run_publishes(engine: Engine, store: StorageServer) -> None:
    published = published_by_kfp(engine)

    assert {each.name for each in list_objects(store.uri("target"))} == PUBLISHED_FILES
    assert read_bytes(store.uri("target/int8.pb")) == (published / "int8.pb").read_bytes()


@pytest.mark.int8
@pytest.mark.engine
@pytest.mark.usefixtures("run")
def test_a_pod_is_its_user_who_may_write_to_its_volumes_alone_within_its_memory(in_engine: Seen) -> None:
    pod = in_engine.pods["publish"]
    groups = "/sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes"
    script = f"id -u; id -g; cat {groups} 2>/dev/null; grep CapEff /proc/self/status; touch /tmp/a /octavo/out/a /b"
    done = in_engine.run_pod(replace(pod, container={**pod.container, "command": ["sh", "-c"], "args": [script]}))

    assert done.stdout.split() == ["10001", "0", str(2**30), "CapEff:", "0" * 16]
    assert re.findall("cannot touch '(.+)'", done.stderr) == ["/b"]


@pytest.mark.int8
@pytest.mark.engine
def test_every_step_ran_once_and_those_of_shards_once_a_shard(run: Workflow) -> None:
    steps = {name for name in run.templates if name != run.spec["entrypoint"]}
    turns = [f"{name}-{turn}" for name, several in SHARDS.items() for turn in several]

    assert sorted(run.ran) == sorted([*(steps - SHARDS.keys()), *turns])


@pytest.mark.int8
@pytest.mark.engine
@pytest.mark.usefixtures("run")
def test_what_the_shards_left_was_merged_beside_the_target_and_is_no_longer_kept_by_itself(
    store: StorageServer,
) -> None:
    left = {each.name.partition("/")[2] for each in list_objects(store.uri(".octavo-parts"))}

    assert left == {"manifest.jsonl", "plan.json", "merged/min_max_log", "merged/fp32", "merged/int8"}


@pytest.mark.int8
@pytest.mark.engine
@pytest.mark.usefixtures("run")
def test_the_figures_for_the_user_interface_are_an_artifact(store: StorageServer) -> None:
    metrics = json.loads(read_bytes(store.uri("octavo/octavo-x7k2p-0b1c/report/metrics")))

    assert {name for name in metrics if "top-1" in name or "top1" in name}


def test_a_pod_that_dies_once_is_tried_again_and_one_that_always_dies_ends_the_workflow(
    manifests: list[Document], store: StorageServer, tmp_path: Path
) -> None:
    process = AsProcess()

    def dying(pod: Pod) -> subprocess.CompletedProcess[str]:
        times = sum(name == pod.name for name in made.ran)
        if pod.name == "summarize" or times == 1:
            pod.container["command"] = ["false"]
        return process(pod)

    made = workflow(manifests, store, tmp_path, dying)
    with pytest.raises(WorkflowFailedError, match="summarize: exit status 1"):
        made.run()
    assert made.ran.count("summarize") == 6
    assert made.ran.count("fetch-model") == 2


def test_a_step_that_says_why_it_cannot_go_on_is_not_tried_again(
    manifests: list[Document], store: StorageServer, tmp_path: Path
) -> None:
    made = workflow(manifests, store, tmp_path, AsProcess())
    made.globals["workflow.parameters.model_uri"] = store.uri("no-such-model")
    with pytest.raises(WorkflowFailedError, match=r"look-up: exit status 2\n.*no-such-model"):
        made.run()
    assert made.ran.count("look-up") == 1


def test_a_run_without_its_parameters_is_refused(
    manifests: list[Document], store: StorageServer, tmp_path: Path
) -> None:
    with pytest.raises(WorkflowFailedError, match=r"missing.*model_uri"):
        Workflow(manifests, {}, {SECRET: store.environment}, tmp_path, AsProcess())
