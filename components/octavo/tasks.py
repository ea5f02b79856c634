"""What a task of a pipeline needs besides its component: name, CPU and memory, user, retries, and the stores' keys."""

from __future__ import annotations

from typing import Any, NamedTuple

from octavo.storage.settings import MOUNTED

CREDENTIALS = "octavo-object-store"
"""The Kubernetes secret with the keys of the object stores; it may be absent, and so may any entry of it.

Its entries are files in the pods, not variables: Kubeflow's launcher, which works in the same container with others,
would take them for its own.
"""


class Size(NamedTuple):
    """What a task asks for, and what it may use at most."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str


LIGHT = Size("100m", "1", "256Mi", "1Gi")
"""Copies files or merges text."""

GRAPH = Size("500m", "2", "1Gi", "4Gi")
"""Reads a whole graph and writes another."""

RUN = Size("1", "4", "2Gi", "8Gi")
"""Runs a graph on data."""

TIMED = Size("2", "2", "4Gi", "4Gi")
"""Runs graphs against the clock: what it asks for is what it gets, so that no neighbour disturbs it."""

RETRIES = 5
"""How often a step is begun again: with the back-off below, what is away for seven minutes loses no run."""

FIRST_WAIT = "15s"
"""What it waits before the second try; twice as long before each further one."""

ALL_TRIES = "24h"
"""How long all tries may take. Kubeflow counts from the beginning of the first one, and kills the try that goes on."""


def dressed(task: Any, name: str, size: Size, *, stores: bool = False, cached: bool = True) -> Any:
    """The task with its display name, resources, retries, and a user who is not root.

    A namespace under the restricted pod security standard refuses a step that does not say so. No user is named: the
    image's own is numeric, so the kubelet can tell, and OpenShift gives each namespace users of its own.

    Args:
        task: the task.
        name: what the graph in the UI shows.
        size: CPU and memory.
        stores: whether it reads or writes object storage and needs its keys.
        cached: whether an earlier run's result may stand for it: never where it reads a URI, whose content may change.
    """
    from kfp import kubernetes

    task.set_display_name(name)
    task.set_cpu_request(size.cpu_request).set_cpu_limit(size.cpu_limit)
    task.set_memory_request(size.memory_request).set_memory_limit(size.memory_limit)
    task.set_retry(RETRIES, backoff_duration=FIRST_WAIT, backoff_factor=2, backoff_max_duration=ALL_TRIES)
    task.set_caching_options(cached)
    kubernetes.set_security_context(task, run_as_non_root=True)
    if stores:
        kubernetes.use_secret_as_volume(task, CREDENTIALS, MOUNTED, optional=True)
    return task
