"""Objects that tests store."""

from __future__ import annotations

import hashlib

from octavo.storage import open_store


def content_of(size: int) -> bytes:
    """Bytes of no pattern, the same ones for the same size."""
    return hashlib.shake_256(b"%d" % size).digest(size)


def write(uri: str, data: bytes) -> None:
    """Make an object."""
    store, key = open_store(uri)
    store.write(key, data)
