"""Memory that was freed, given back to the system."""

from __future__ import annotations

import ctypes


def give_memory_back() -> None:
    """Return what the C library keeps of freed memory; a process that then works for long does not need it.

    Does nothing where the C library has no `malloc_trim`, which is GNU's.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
