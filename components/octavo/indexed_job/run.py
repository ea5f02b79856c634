"""The step: one Job, from its beginning to its end."""

from __future__ import annotations

import logging
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octavo.cluster.kubernetes import kubernetes_client
from octavo.data.parts import Parts, Plan, Turn, shard_of
from octavo.errors import ClusterError, StorageError
from octavo.indexed_job.inputs import Step, Work, new_inputs, put, read_work
from octavo.indexed_job.jobs import FAILED, Job, failed_indexes, has
from octavo.indexed_job.manifest import BAD_INPUT, inputs_of, job_manifest, job_name
from octavo.indexed_job.own_pod import Document, own_pod
from octavo.indexed_job.reasons import OUT_OF_MEMORY, FailedPod
from octavo.indexed_job.settings import JobSettings
from octavo.notes import counted
from octavo.storage import delete_folder
from octavo.tasks import RETRIES

LOG = logging.getLogger(__name__)

POLL_SECONDS = 3.0

SHOWN_SECONDS = 10.0
"""How long after a line on the progress another one may follow."""

WAITING_SECONDS = 60.0
"""After how long without a running pod it is said why."""

DELETED_TIMES = 5
"""How often a Job is made again that somebody deletes."""


def run_in_job(step: Step, parts: str, settings: Mapping[str, Any]) -> int:
    """Do the turns of a loop that are left, each in a pod of its own, and wait for all.

    Where this process is asked to end, or fails, the pods go as well. A step that is tried again goes on with the Job
    of the try before, where that is still there, and does no turn again whose result is.

    Args:
        step: what the turns do.
        parts: the URI of the loop's folder.
        settings: a `JobSettings` as a document.

    Returns:
        How many turns were left to be done.

    Raises:
        ClusterError: when a turn fails for good, with its reason, or Kubernetes does not answer or refuses.
        OctavoError: when the settings cannot be, there is no such folder, or the store cannot be reached or refuses.
    """
    given, folder = JobSettings.parse(settings), Parts(parts)
    plan = folder.plan()
    left = len(folder.open_turns(plan))
    if left:
        client = kubernetes_client()
        loop = _Loop(client, own_pod(client), given, step, folder, plan)
        with _left_by_exit():
            loop.finish()
    return left


@dataclass(frozen=True)
class _Loop:
    """A loop whose turns are done in a Job."""

    client: Any
    pod: Document
    settings: JobSettings
    step: Step
    parts: Parts
    plan: Plan

    def finish(self) -> None:
        """See a Job to its end; one that somebody deletes is made again for the turns that are left."""
        job = Job(self.client, self.pod["metadata"]["namespace"], job_name(self.step, self.parts.folder))
        for _ in range(1 + DELETED_TIMES):
            found = job.usable()
            inputs = new_inputs(self.parts.folder) if found is None else inputs_of(found)
            with _gone_behind(job, inputs):
                found = self._made(job, inputs) if found is None else found
                if found is None or self._watched(job, found):
                    return
            LOG.warning("%s was deleted", job.title)
        raise ClusterError(f"{job.title} was deleted {1 + DELETED_TIMES} times before it had ended; see who does that")

    def _made(self, job: Job, inputs: str) -> Any:
        """A new Job; None where nothing is left for it."""
        turns = self.parts.open_turns(self.plan)
        if not turns:
            return None
        work = Work(step=self.step, turns=tuple(turns))
        with tempfile.TemporaryDirectory(prefix="octavo-job-") as place:
            put(work, inputs, Path(place))
        return job.create(job_manifest(job.name, len(turns), inputs, self.pod, self.settings)) or job.find()

    def _watched(self, job: Job, found: Any) -> bool:
        """See it to its end; False when it is gone before."""
        turns = read_work(inputs_of(found)).turns
        others = "" if found.metadata.owner_references[0].uid == self.pod["metadata"]["uid"] else " goes on"
        LOG.info("Job %s%s: %s, %d at a time", job.name, others, counted(len(turns), "shard"), found.spec.parallelism)
        limit = self.settings.resources.get("limits", {}).get("memory", "")
        return _Watch(job, turns, self.plan, limit).to_the_end()


class _Watch:
    """Sees a Job to its end, and says how far it is and what its pods met with."""

    def __init__(self, job: Job, turns: Sequence[Turn], plan: Plan, memory_limit: str) -> None:
        self._job, self._turns, self._plan, self._memory_limit = job, turns, plan, memory_limit
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
            LOG.info("%s of %s", f"{done:,}", counted(len(self._turns), "shard"))
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
                LOG.warning("%s", self._sentence(self._job.told(pod), "failed in one try"))

    def _tell_waiting(self, status: Any) -> None:
        if status.ready or status.succeeded != self._before:
            self._idle, self._before = time.monotonic(), status.succeeded
        if time.monotonic() < self._idle + WAITING_SECONDS:
            return
        why = self._job.why_waiting()
        if why and why != self._waiting:
            LOG.warning("no pod of it runs: %s", why)
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
        turn = self._turns[pod.index]
        shard = shard_of(turn, self._plan)
        graph = f" by the {turn.kind.upper()} graph" if len(self._plan.kinds) > 1 else ""
        return (
            f"shard {shard.index} of {len(self._plan.shards)}{graph} (examples {shard.start} to {shard.stop - 1}) "
            f"{often}: {pod.why(self._memory_limit)}"
        )


@contextmanager
def _gone_behind(job: Job, inputs: str) -> Iterator[None]:
    """The Job, and then what its pods need, do not outlive the block."""
    try:
        yield
    finally:
        try:
            job.delete()
            delete_folder(inputs)
        except (ClusterError, StorageError) as fault:
            LOG.warning("what belongs to %s could not be deleted: %s", job.title, fault)


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
