"""The memory that there is and that a model takes; how the C library takes it from the system and gives it back."""

from __future__ import annotations

import ctypes
import logging
import os
from pathlib import Path

LOG = logging.getLogger(__name__)

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where a container's limit stands, in the second and in the first version of control groups."""

BASE_BYTES, TO_TRANSFORM, TO_QUANTIZE = 620_000_000, 4, 19
"""What a step takes that writes a graph, without a model, and for each byte of it; measured: see docs/memory.md."""

M_TOP_PAD = -2
"""malloc.h's name for how much is taken from the system, and kept of what was freed, besides what is asked for."""

KEPT = 16 << 20
"""Bytes that hold the tensors of a small graph's run."""


def keep_memory() -> None:
    """Keep some of what is freed, so that each run of a graph finds the memory of the one before, and no new pages.

    Does nothing where the C library has no `mallopt`.
    """
    keep = getattr(ctypes.CDLL(None), "mallopt", None)
    if keep is not None:
        keep(M_TOP_PAD, KEPT)


def give_memory_back() -> None:
    """Return what the C library keeps of freed memory; a process that then works for long does not need it.

    Does nothing where the C library has no `malloc_trim`, which is GNU's.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def usable_memory() -> int:
    """Bytes that this process, and those beside it in its container, may have."""
    found = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for file in LIMITS:
        text = file.read_text(encoding="ascii").strip() if file.is_file() else ""
        if text.isdigit():
            found.append(int(text))
    return min(found)


def tell_of_memory(model: Path, for_each_byte: int = TO_TRANSFORM) -> None:
    """Warn before the work where a model, a file or a folder, most likely needs more memory than there is."""
    files = [model] if model.is_file() else model.rglob("*")
    size = sum(each.stat().st_size for each in files if each.is_file())
    needed, usable = BASE_BYTES + for_each_byte * size, usable_memory()
    if needed > usable:
        LOG.warning(
            "the model has %.1f GB, for which such a step takes some %.1f GB, and there are %.1f GB: if it is killed, "
            "raise its resources.STEP.limits.memory in the chart's values",
            *(amount / 1e9 for amount in (size, needed, usable)),
        )
