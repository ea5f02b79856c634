"""Checks of this machine, or of the pod that this runs in, and of the object store."""

from __future__ import annotations

import os
import uuid

from octavo.cluster.doctor.finding import Finding, found
from octavo.errors import StorageError
from octavo.runtime.memory import usable_memory
from octavo.storage import at_most, join, list_objects, open_store, read_bytes

STORE_SECONDS = 5.0
"""How long a store that is away is tried again, whatever the steps' own patience is: who asks wants to know now."""


def machine() -> list[Finding]:
    """Whether INT8 graphs can be made and run here."""
    return [found("processor", _processor), found("TensorFlow", _tensorflow), Finding("ok", "memory", _memory())]


def store(uri: str) -> Finding:
    """Whether objects under a URI can be written, read, listed and deleted."""
    with at_most(STORE_SECONDS):
        return found(f"object store {uri}", lambda: _store(uri))


def _processor() -> str:
    from octavo.runtime.environment import check_processor
    from octavo.runtime.machine import cpu_info, int8_instructions, model_name

    check_processor()
    text = cpu_info()
    return f"{model_name(text)}, {' and '.join(int8_instructions(text)) or 'INT8 instructions not known'}"


def _tensorflow() -> str:
    from octavo.runtime.environment import check_kernels
    from octavo.tensorflow import import_tensorflow

    check_kernels("fused")
    return f"{import_tensorflow().__version__} has the kernels"


def _memory() -> str:
    return f"{usable_memory() / 2**30:.1f} GiB for this process, {len(os.sched_getaffinity(0))} cores"


def _store(uri: str) -> str:
    content = uuid.uuid4().hex
    probe = join(uri, f"octavo-doctor-{content}")
    chosen, key = open_store(probe)
    chosen.write(key, content.encode())
    try:
        if read_bytes(probe).decode() != content:
            raise StorageError(f"{probe!r} does not hold what was written; look for a cache in between")
        if f"octavo-doctor-{content}" not in {each.name for each in list_objects(uri)}:
            raise StorageError(f"{uri!r} does not list what was written; give the keys the right to list the bucket")
    finally:
        chosen.delete(key)
    return "an object was written, read, listed and deleted"
