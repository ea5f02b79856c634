"""How the C library takes memory from the system and gives it back."""

from __future__ import annotations

import ctypes

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
