"""The step against an API of Kubernetes: the Job made, followed, told of and deleted."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import V1Job, V1JobStatus

from kubernetes_server import Cluster, kubernetes_server
from marked import Program, reached
from octavo.data.parts import Parts, Plan
from octavo.data.shard import Shard
from octavo.errors import ClusterError
from octavo.indexed_job import jobs, run
from octavo.indexed_job.inputs import read_work
from octavo.indexed_job.jobs import failed_indexes
from octavo.indexed_job.run import run_in_job
from octavo.storage import delete_folder, list_objects
from pods import SETTINGS, argo_pod

JOBS = "/apis/batch/v1/namespaces/vision/jobs"
PODS = "/api/v1/namespaces/vision/pods"
EVENTS = "/api/v1/namespaces/vision/events"
OWN = "octavo-x7k2p-calibrate-1234"

SHARDS = tuple(Shard(index=index, start=10 * index, stop=10 * index + 10) for index in range(3))

Status = dict[str, Any]


def done(number: int, **more: Any) -> Status:
    return {"succeeded": number, "active": 3 - number, "ready": 3 - number, **more}


def ended(kind: str, status: Status, **more: Any) -> Status:
    return {**status, "active": 0, "ready": 0, "conditions": [{"type": kind, "status": "True", **more}]}


COMPLETE = ended("Complete", done(3))


def failed_pod(job: str, index: int, name: str, status: int, **terminated: Any) -> dict[str, Any]:
    ended_at = terminated.pop("at", "2026-01-01T00:00:00Z")
    state = {"exitCode": status, "reason": "Error", "finishedAt": ended_at, **terminated}
    labels = {"batch.kubernetes.io/job-name": job, "batch.kubernetes.io/job-completion-index": str(index)}
    containers = [{"name": "main", "image": "i", "imageID": "", "ready": False, "restartCount": 0}]
    return {
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": []},
        "status": {"phase": "Failed", "containerStatuses": [{**containers[0], "state": {"terminated": state}}]},
    }


class Controller:
    """The Job controller's part: each time the Job is asked for, it is in the next of some states."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.states: list[Status | Callable[[], Status]] = []
        self.made: list[dict[str, Any]] = []
        cluster.on_create, cluster.on_get = self.created, self.asked

    def created(self, job: dict[str, Any]) -> None:
        self.made.append(job)
        job["metadata"]["uid"] = str(len(self.made))
        job["status"] = {}

    def asked(self, job: dict[str, Any]) -> None:
        if job.get("kind") == "Job" and self.states:
            state = self.states.pop(0)
            job["status"] = state() if callable(state) else state

    @property
    def job(self) -> str:
        return str(self.made[0]["metadata"]["name"])

    def has_pod(self, index: int, name: str, status: int, **terminated: Any) -> None:
        self.cluster.objects[f"{PODS}/{name}"] = failed_pod(self.job, index, name, status, **terminated)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster(objects={f"{PODS}/{OWN}": argo_pod()})
    with kubernetes_server(made, tmp_path / "kubeconfig"):
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "kubeconfig"))
        monkeypatch.setenv("POD_NAME", OWN)
        monkeypatch.setenv("POD_NAMESPACE", "vision")
        for module, name, seconds in (
            (run, "POLL_SECONDS", 0.01),
            (run, "SHOWN_SECONDS", 0.0),
            (run, "WAITING_SECONDS", 0.0),
            (jobs, "PAUSE_SECONDS", 0.01),
        ):
            monkeypatch.setattr(module, name, seconds)
        yield made


@pytest.fixture
def controller(cluster: Cluster) -> Controller:
    return Controller(cluster)


@dataclass(frozen=True)
class Loop:
    """A loop over three shards of ten examples."""

    parts: Parts
    made: Path

    def calibrate(self, **settings: Any) -> int:
        return run_in_job("calibrate", self.parts.folder, {**SETTINGS, **settings})

    def has(self, *indexes: int) -> None:
        """Turns that have left their logs."""
        for index in indexes:
            self.parts.leave("min_max_log", SHARDS[index], self.made)


@pytest.fixture
def loop(tmp_path: Path) -> Loop:
    for name in ("made", "manifest"):
        (tmp_path / name).write_text(name)
    return Loop(begun(tmp_path, ("min_max_log",)), tmp_path / "made")


@pytest.fixture(autouse=True)
def _everything_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "octavo")


def told(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("octavo.indexed_job"))


def begun(tmp_path: Path, kinds: tuple[str, ...]) -> Parts:
    parts = Parts(str(tmp_path / "parts"))
    plan = Plan(kinds=kinds, shards=SHARDS, batch_size=10, preprocessing="unit", data="d")
    parts.begin(plan, tmp_path / "manifest", {})
    return parts


def test_a_job_is_made_followed_and_deleted(
    controller: Controller, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    stored = set[str]()

    def begins() -> Status:
        stored.update(each.name.partition("/")[2] for each in list_objects(loop.parts.folder) if "job-" in each.name)
        return done(0)

    controller.states = [{}, begins, done(1), done(1), done(2), COMPLETE]

    assert loop.calibrate() == 3
    (made,) = controller.made
    assert told(caplog).splitlines() == [
        f"Job {controller.job}: 3 shards, 3 at a time",
        *(f"{number} of 3 shards" for number in range(4)),
    ]
    (inputs,) = made["spec"]["template"]["spec"]["containers"][0]["command"][2:]
    assert inputs.startswith(f"--inputs={loop.parts.folder}/job-")
    assert controller.cluster.requests[-1] == f"DELETE {JOBS}/{controller.job}"
    assert f"{JOBS}/{controller.job}" not in controller.cluster.objects
    assert stored == {"work.json"}
    assert {each.name for each in list_objects(loop.parts.folder)} == {"plan.json", "manifest.jsonl"}


def test_a_step_that_is_tried_again_goes_on_with_the_job_that_is_there(
    controller: Controller, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    def next_try() -> Status:
        loop.has(0)
        pod = controller.cluster.objects.pop(f"{PODS}/{OWN}")
        pod["metadata"]["uid"] = "another"
        controller.cluster.objects[f"{PODS}/{OWN}"] = pod
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs.Job, "delete", lambda _: None)
        patch.setattr(run, "delete_folder", lambda _: 0)
        patch.setattr("octavo.indexed_job.run.time.sleep", lambda _: next_try())
        controller.states = [done(0)]
        with pytest.raises(KeyboardInterrupt):
            loop.calibrate()
    controller.states = [done(1), done(2), COMPLETE]
    caplog.clear()

    assert loop.calibrate() == 2, "one was done already"
    assert len(controller.made) == 1
    assert f"Job {controller.job} goes on: 3 shards, 3 at a time" in told(caplog)


def test_what_is_done_is_not_done_again(controller: Controller, loop: Loop) -> None:
    turns: list[int] = []

    def look() -> Status:
        (folder,) = {each.name.partition("/")[0] for each in list_objects(loop.parts.folder) if "job-" in each.name}
        turns.extend(turn.shard for turn in read_work(f"{loop.parts.folder}/{folder}").turns)
        return COMPLETE

    loop.has(1)
    controller.states = [look]
    assert loop.calibrate() == 2
    assert turns == [0, 2]
    assert controller.made[0]["spec"]["completions"] == 2
    loop.has(0, 2)
    assert loop.calibrate() == 0
    assert len(controller.made) == 1


def test_another_loop_has_a_job_of_its_own(controller: Controller, loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "manifest").write_text("m")
    other = Loop(begun(tmp_path / "other", ("min_max_log",)), loop.made)
    for each in (loop, other):
        controller.states = [COMPLETE]
        each.calibrate()

    first, second = controller.made
    assert first["metadata"]["name"] != second["metadata"]["name"]


def test_a_job_that_has_failed_before_is_made_anew(controller: Controller, loop: Loop) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs.Job, "delete", lambda _: None)
        patch.setattr(run, "delete_folder", lambda _: 0)
        controller.states = [ended("Failed", done(1), reason="MaxFailedIndexesExceeded", message="m")]
        with pytest.raises(ClusterError):
            loop.calibrate()
    controller.states = [ended("Failed", done(1)), COMPLETE]

    assert loop.calibrate() == 3
    assert len(controller.made) == 2


def test_a_job_that_somebody_deletes_is_made_again(
    controller: Controller, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    def deleted() -> Status:
        loop.has(1)
        controller.made[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return done(1)

    controller.states = [done(0), deleted, COMPLETE]
    assert loop.calibrate() == 3
    assert [job["spec"]["completions"] for job in controller.made] == [3, 2]
    assert "was deleted" in told(caplog)


def test_a_job_that_is_deleted_when_all_is_done_is_not_made_again(controller: Controller, loop: Loop) -> None:
    def deleted() -> Status:
        loop.has(0, 1, 2)
        controller.made[0]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return done(3)

    controller.states = [done(0), deleted]
    assert loop.calibrate() == 3
    assert len(controller.made) == 1


def test_a_job_that_is_deleted_each_time_is_an_error(controller: Controller, loop: Loop) -> None:
    def deleted() -> Status:
        controller.made[-1]["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        return done(1)

    controller.states = [deleted] * 99
    with pytest.raises(ClusterError, match="was deleted 6 times before it had ended"):
        loop.calibrate()


def test_an_index_that_fails_for_good_is_told_with_octavos_sentence(controller: Controller, loop: Loop) -> None:
    def failed() -> Status:
        log = "shard 1 of 3: examples 10 to 19\noctavo: error: the image 'b.png' (6 bytes) cannot be decoded\n"
        controller.has_pod(1, "pod-1", 2, message=log)
        controller.has_pod(2, "pod-2", 143, at="2026-01-01T00:00:05Z")
        return ended("FailureTarget", done(1, failed=2, failedIndexes="1"), reason="MaxFailedIndexesExceeded")

    controller.states = [done(0), failed]
    with pytest.raises(
        ClusterError,
        match=r"^shard 1 of 3 \(examples 10 to 19\) failed: the image 'b\.png' \(6 bytes\) cannot be decoded$",
    ):
        loop.calibrate()
    assert controller.cluster.requests[-1] == f"DELETE {JOBS}/{controller.job}"


def test_where_the_pods_status_holds_no_reason_its_log_is_read(controller: Controller, loop: Loop) -> None:
    def failed() -> Status:
        controller.has_pod(0, "pod-0", 2)
        controller.cluster.logs["pod-0"] = "octavo: error: there is no recipe\n"
        return ended("Failed", done(0, failed=1, failedIndexes="0"))

    controller.states = [failed]
    with pytest.raises(ClusterError, match=r"shard 0 of 3 \(examples 0 to 9\) failed: there is no recipe$"):
        loop.calibrate()


def test_an_index_that_is_tried_again_is_told_and_one_that_fails_each_time_ends_it(
    controller: Controller, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    def once() -> Status:
        controller.has_pod(0, "pod-0-a", 1, message="Killed\n")
        return done(0, failed=1)

    def again() -> Status:
        controller.has_pod(0, "pod-0-b", 139, at="2026-01-01T00:00:05Z", message="Segmentation fault\n")
        return ended("FailureTarget", done(2, failed=6, failedIndexes="0"))

    controller.states = [once, once, again]
    with pytest.raises(
        ClusterError, match=r"failed in all 6 tries, at last: Error \(exit status 139\): Segmentation fault"
    ):
        loop.calibrate()
    lines = [line for line in told(caplog).splitlines() if "failed" in line]
    assert lines == ["shard 0 of 3 (examples 0 to 9) failed in one try: Error (exit status 1): Killed"]


def test_a_pod_without_the_memory_that_it_needs_is_not_tried_again(controller: Controller, loop: Loop) -> None:
    def failed() -> Status:
        controller.has_pod(2, "pod-2", 137, reason="OOMKilled")
        return done(1, failed=1)

    controller.states = [done(1), failed]
    with pytest.raises(
        ClusterError, match=r"^shard 2 of 3 .* failed: it needs more memory than it may use, 8Gi \(OOMKilled\); raise"
    ):
        loop.calibrate()
    assert controller.cluster.requests[-1] == f"DELETE {JOBS}/{controller.job}"


def test_an_evicted_pod_is_told_in_kubernetes_words(
    controller: Controller, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    def evicted() -> Status:
        controller.has_pod(0, "pod-0", 137)
        status = controller.cluster.objects[f"{PODS}/pod-0"]["status"]
        status.update(reason="Evicted", message="The node was low on resource: memory.")
        return done(0, failed=1)

    controller.states = [evicted, COMPLETE]
    loop.calibrate()
    assert "failed in one try: Evicted: The node was low on resource: memory." in told(caplog)


def test_a_job_that_fails_without_a_pod_is_told_in_kubernetes_words(controller: Controller, loop: Loop) -> None:
    controller.states = [ended("Failed", done(0), reason="DeadlineExceeded", message="Job was active too long")]
    with pytest.raises(ClusterError, match="failed: DeadlineExceeded: Job was active too long"):
        loop.calibrate()


def test_pods_that_do_not_start_are_told_with_the_reason_once(
    controller: Controller, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    def pending() -> Status:
        pod = failed_pod(controller.job, 0, "pod-0", 0)
        condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
        pod["status"] = {"phase": "Pending", "conditions": [condition]}
        controller.cluster.objects[f"{PODS}/pod-0"] = pod
        return {"active": 3, "ready": 0}

    controller.states = [pending, pending, COMPLETE]
    loop.calibrate()
    lines = [line for line in told(caplog).splitlines() if line.startswith("no pod")]
    assert lines == ["no pod of it runs: pod-0: Unschedulable: 0/1 nodes"]


def test_pods_that_kubernetes_refuses_to_make_are_told_with_the_reason(
    controller: Controller, loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    def refused() -> Status:
        event = {
            "metadata": {"name": "e", "namespace": "vision"},
            "involvedObject": {"name": controller.job},
            "reason": "FailedCreate",
            "message": "pods is forbidden: exceeded quota",
        }
        controller.cluster.objects[f"{EVENTS}/e"] = event
        return {"active": 0}

    controller.states = [refused, COMPLETE]
    loop.calibrate()
    assert "no pod of it runs: pods is forbidden: exceeded quota" in told(caplog)


def test_a_kubernetes_that_does_not_try_indexes_again_is_refused(controller: Controller, loop: Loop) -> None:
    created = controller.created

    def old(job: dict[str, Any]) -> None:
        created(job)
        del job["spec"]["backoffLimitPerIndex"]

    controller.cluster.on_create = old
    with pytest.raises(ClusterError, match=r"too old to try single indexes again; wanted 1\.29"):
        loop.calibrate()
    assert controller.cluster.requests[-1].startswith("DELETE")


def test_a_shard_of_two_graphs_is_told_with_its_graph(controller: Controller, loop: Loop, tmp_path: Path) -> None:
    def failed() -> Status:
        controller.has_pod(4, "pod-4", 2, message="octavo: error: there are no scores\n")
        return ended("Failed", done(0, failed=1, failedIndexes="4"))

    delete_folder(loop.parts.folder)
    parts = begun(tmp_path, ("fp32", "int8"))
    controller.states = [failed]
    with pytest.raises(ClusterError, match=r"^shard 1 of 3 by the INT8 graph \(examples 10 to 19\) failed: there"):
        run_in_job("evaluate", parts.folder, SETTINGS)
    assert controller.made[0]["spec"]["completions"] == 6
    assert controller.job.startswith("octavo-evaluate-")


def test_an_account_without_the_right_is_told(controller: Controller, loop: Loop) -> None:
    controller.cluster.forbidden.add(JOBS)
    with pytest.raises(ClusterError, match=r"Kubernetes refuses \(403\): .*/jobs is forbidden"):
        loop.calibrate()


@pytest.mark.parametrize("name", ["POD_NAME", "POD_NAMESPACE"])
@pytest.mark.usefixtures("cluster")
def test_a_step_that_does_not_know_its_pod_says_what_it_wants(
    loop: Loop, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(ClusterError, match=f"^{name} is not set, .* by the downward API"):
        loop.calibrate()


def test_an_api_that_is_away_for_a_moment_loses_nothing(
    controller: Controller, loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("octavo.away.PAUSE_SECONDS", 0.01)
    controller.states = [done(0), done(1), COMPLETE]
    answer, calls = controller.cluster.answer, 0

    def away(*words: Any) -> tuple[int, Any]:
        nonlocal calls
        calls += 1
        return (503, {"message": "away", "code": 503}) if calls in (5, 6, 7) else answer(*words)

    monkeypatch.setattr(controller.cluster, "answer", away)
    assert loop.calibrate() == 3


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("program", ["octavo.cli", "kfp"])
def test_a_step_that_is_asked_to_end_takes_its_pods_along(
    controller: Controller, loop: Loop, tmp_path: Path, number: signal.Signals, program: str
) -> None:
    (tmp_path / "program").mkdir()
    process = Program([sys.executable, *COMMANDS[program](loop)], tmp_path / "program", {})
    assert reached(lambda: process.process.poll() is not None or bool(controller.made))
    assert process.process.poll() is None, process.end()
    process.process.send_signal(number)
    status, _, said = process.end()

    assert controller.cluster.requests[-1] == f"DELETE {JOBS}/{controller.job}"
    assert {each.name for each in list_objects(loop.parts.folder)} == {"plan.json", "manifest.jsonl"}
    assert status in (128 + number, -number), said


def by_command(loop: Loop) -> list[str]:
    """As a pod of Argo's runs the step."""
    flags = [f"--parts={loop.parts.folder}", f"--job={json.dumps(SETTINGS)}"]
    return ["-m", "octavo.cli", "run-component", "calibrate-in-job", *flags]


def by_function(loop: Loop) -> list[str]:
    """As a pod of Kubeflow's calls it: without the command that sees to signals."""
    program = f"""
from octavo.indexed_job.run import run_in_job
run_in_job('calibrate', {loop.parts.folder!r}, {SETTINGS})
"""
    return ["-c", program]


COMMANDS = {"octavo.cli": by_command, "kfp": by_function}


@given(st.sets(st.integers(0, 300)))
def test_failed_indexes_are_read_as_kubernetes_writes_them(indexes: set[int]) -> None:
    job = V1Job(status=V1JobStatus(failed_indexes=spans(sorted(indexes)) or None))

    assert failed_indexes(job) == indexes


def spans(indexes: list[int]) -> str:
    """As Kubernetes writes them: 1,3-5,7; two in a row as a span."""
    starts = [index for index in indexes if index - 1 not in indexes]
    ends = [index for index in indexes if index + 1 not in indexes]
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def test_spans_are_written_so() -> None:
    assert re.fullmatch("1,3-5,7-8", spans([1, 3, 4, 5, 7, 8]))
