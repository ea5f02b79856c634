"""The step: one Job, from its beginning to its end."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from octavo.cluster import kubernetes_client
from octavo.data.plan import read_plan
from octavo.data.shard import Shard
from octavo.errors import ClusterError
from octavo.indexed_job.inputs import Work, checksum, put
from octavo.indexed_job.jobs import FAILED, Job, failed_indexes, has
from octavo.indexed_job.manifest import BAD_INPUT, job_manifest, job_name
from octavo.indexed_job.own_pod import own_pod
from octavo.indexed_job.reasons import OUT_OF_MEMORY, FailedPod
from octavo.indexed_job.settings import JobSettings
from octavo.tasks import RETRIES

POLL_SECONDS = 3.0

SHOWN_SECONDS = 10.0
"""How long after a line on the progress another one may follow."""

WAITING_SECONDS = 60.0
"""After how long without a running pod it is said why."""

DELETED_TIMES = 5
"""How often a Job is made again that somebody deletes."""


def run_in_job(
    component: str,
    step: str,
    *,
    artifacts: Mapping[str, Path],
    parameters: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> int:
    """Run a component on every shard of a plan, each in a pod of its own, and wait for all.

    Where this process is asked to end, or fails, the pods go as well. A step that is tried again goes on with the Job
    of the try before, where that is still there.

    Args:
        component: one of octavo.components, with a parameter `shard`.
        step: what names the Job.
        artifacts: what the component reads, by its names; the plan is one of them.
        parameters: the component's others.
        settings: a `JobSettings` as a document.

    Returns:
        How many shards there were.

    Raises:
        ClusterError: when a shard fails for good, with its reason, or Kubernetes does not answer or refuses.
        OctavoError: when the settings cannot be, or the store cannot be reached or refuses.
    """
    given, shards = JobSettings.parse(settings), read_plan(artifacts["plan"]).shards
    client = kubernetes_client()
    pod = own_pod(client)
    name = job_name(step, checksum(component, parameters, artifacts))
    work = Work(component=component, parameters=dict(parameters), artifacts=tuple(sorted(artifacts)))
    with tempfile.TemporaryDirectory(prefix="octavo-job-") as place:
        folder = put(work, artifacts, name, Path(place))
    job = Job(client, job_manifest(name, len(shards), folder, pod, given))
    with _left_by_exit(), _deleted_behind(job):
        _finish(job, shards, given.parallelism)
    return len(shards)


def _finish(job: Job, shards: Sequence[Shard], parallelism: int) -> None:
    at_once = min(parallelism, len(shards))
    for _ in range(1 + DELETED_TIMES):
        goes_on = job.begin()
        click.echo(f"Job {job.name}{' goes on' if goes_on else ''}: {len(shards)} shards, {at_once} at a time")
        if _Watch(job, shards).to_the_end():
            return
        click.echo(f"{job.title} was deleted; it is made again")
    raise ClusterError(f"{job.title} was deleted {1 + DELETED_TIMES} times before it had ended; see who does that")


class _Watch:
    """Sees a Job to its end, and says how far it is and what its pods met with."""

    def __init__(self, job: Job, shards: Sequence[Shard]) -> None:
        self._job, self._shards = job, shards
        self._done, self._shown = -1, -SHOWN_SECONDS
        self._failures, self._known = 0, set[str]()
        self._idle, self._before, self._waiting = time.monotonic(), None, ""

    def to_the_end(self) -> bool:
        """Wait; False when the Job is gone before it has ended."""
        while (job := self._job.find()) is not None and job.metadata.deletion_timestamp is None:
            complete = has(job, "Complete")
            self._show(job.status.succeeded or 0, at_once=complete)
            if complete:
                return True
            if has(job, *FAILED):
                raise ClusterError(self._failure(job))
            self._tell_failures(job.status.failed or 0)
            self._tell_waiting(job.status)
            time.sleep(POLL_SECONDS)
        return False

    def _show(self, done: int, *, at_once: bool) -> None:
        now = time.monotonic()
        if done > self._done and (at_once or now > self._shown + SHOWN_SECONDS):
            click.echo(f"{done} of {len(self._shards)} shards")
            self._done, self._shown = done, now

    def _tell_failures(self, failures: int) -> None:
        """Name the pods that have failed since; one that wants memory ends the whole, since the next would as well."""
        if failures <= self._failures:
            return
        self._failures = failures
        for pod in self._job.failed_pods():
            if pod.reason == OUT_OF_MEMORY:
                raise ClusterError(self._sentence(pod, "failed"))
            if pod.name not in self._known:
                self._known.add(pod.name)
                click.echo(self._sentence(self._job.told(pod), "failed in one try"))

    def _tell_waiting(self, status: Any) -> None:
        if status.ready or status.succeeded != self._before:
            self._idle, self._before = time.monotonic(), status.succeeded
        if time.monotonic() < self._idle + WAITING_SECONDS:
            return
        why = self._job.why_waiting()
        if why and why != self._waiting:
            click.echo(f"no pod of it runs: {why}")
            self._waiting = why

    def _failure(self, job: Any) -> str:
        """Why the Job has failed: the reason of the shard that failed for good."""
        indexes = failed_indexes(job)
        given_up = [pod for pod in self._job.failed_pods() if pod.index in indexes]
        if not given_up:
            (condition, *_) = [each for each in job.status.conditions if each.type in FAILED]
            return f"{self._job.title} failed: {condition.reason}: {condition.message}"
        pod = self._job.told(given_up[-1])
        often = "failed" if pod.status == BAD_INPUT else f"failed in all {1 + RETRIES} tries, at last"
        return self._sentence(pod, often)

    def _sentence(self, pod: FailedPod, often: str) -> str:
        shard = self._shards[pod.index]
        return (
            f"shard {pod.index} of {len(self._shards)} (examples {shard.start} to {shard.stop - 1}) {often}: "
            f"{pod.why(self._job.memory_limit)}"
        )


@contextmanager
def _deleted_behind(job: Job) -> Iterator[None]:
    """The Job does not outlive the block."""
    try:
        yield
    finally:
        try:
            job.delete()
        except ClusterError as fault:
            click.echo(f"{job.title} could not be deleted, and goes with this step's pod: {fault}", err=True)


@contextmanager
def _left_by_exit() -> Iterator[None]:
    """The signal that asks a process to end leaves the block as sys.exit does, where nobody has seen to that."""
    before = signal.getsignal(signal.SIGTERM)
    if before is not signal.SIG_DFL or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
