"""Objects as files that can be read from any place on, so that a part of a large one can be had."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from octavo.storage.store import MissingObjectError, Store
from octavo.storage.transfer import open_store
from octavo.storage.uri import parse_uri

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

AHEAD_BYTES = 4 << 20
"""How much of an object one request asks for."""


def open_object(uri: str) -> BinaryIO:
    """Open an object for reading; what is read of it is fetched in pieces, when it is read.

    Raises:
        MissingObjectError: when there is no such object.
        StorageError: when the store cannot be reached or refuses; reading may raise it as well.
    """
    place = parse_uri(uri)
    if place.scheme == "file":
        try:
            return Path(place.key).open("rb")
        except (FileNotFoundError, NotADirectoryError) as fault:
            raise MissingObjectError(f"there is no file {place.key!r}; check the path") from fault
        except IsADirectoryError as fault:
            raise MissingObjectError(f"{place.key!r} is a folder; wanted a file") from fault
    store, key = open_store(uri)
    return cast("BinaryIO", io.BufferedReader(ObjectFile(store, key), AHEAD_BYTES))


class ObjectFile(io.RawIOBase):
    """An object of a store as a file without a buffer: every read is a request.

    Args:
        store: the store.
        key: the object's.
    """

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key
        self._size = store.size(key)
        self._at = 0

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; nothing is asked of the store."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer, or what the object's end leaves of it. Raises StorageError when the store fails."""
        view = memoryview(buffer).cast("B")
        stop = min(self._size, self._at + len(view))
        if stop <= self._at:
            return 0
        content = self._store.read_range(self._key, self._at, stop)
        view[: len(content)] = content
        self._at += len(content)
        return len(content)
