"""What a task of a pipeline needs besides its component: a name, CPU and memory, retries, and the stores' keys."""

from __future__ import annotations

from typing import Any, NamedTuple

CREDENTIALS = "octavo-object-store"
"""The Kubernetes secret with the keys of the object stores; it may be absent, and so may any entry of it."""

CREDENTIAL_VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "S3_ENDPOINT",
    "GOOGLE_APPLICATION_CREDENTIALS",
)
"""The secret's entries that become environment variables."""

CREDENTIAL_FOLDER = "/var/run/octavo/object-store"
"""Where each entry is a file as well: a Google key is one that GOOGLE_APPLICATION_CREDENTIALS names here."""


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


def dressed(task: Any, name: str, size: Size, *, stores: bool = False, cached: bool = True) -> Any:
    """The task with its display name, resources and retries.

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
    task.set_retry(2, backoff_duration="5s", backoff_factor=2, backoff_max_duration="60s")
    task.set_caching_options(cached)
    if stores:
        kubernetes.use_secret_as_env(task, CREDENTIALS, {name: name for name in CREDENTIAL_VARIABLES}, optional=True)
        kubernetes.use_secret_as_volume(task, CREDENTIALS, CREDENTIAL_FOLDER, optional=True)
    return task
