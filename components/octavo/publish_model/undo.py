"""Putting back what stood in a folder, when replacing its files broke off between two of them."""

from __future__ import annotations

from collections.abc import Iterable

from octavo.errors import StorageError
from octavo.storage import MissingObjectError, open_store, read_bytes


class Undo:
    """The content of some small objects as it is now.

    Args:
        uris: the objects; they need not exist.

    Raises:
        StorageError: when the store cannot be reached or refuses.
    """

    def __init__(self, uris: Iterable[str]) -> None:
        self._before = {uri: _content(uri) for uri in uris}

    def put_back(self) -> list[str]:
        """Give the objects the content that they had, or none, and name those for which that fails."""
        return [uri for uri, content in self._before.items() if not _put_back(uri, content)]


def _content(uri: str) -> bytes | None:
    try:
        return read_bytes(uri)
    except MissingObjectError:
        return None


def _put_back(uri: str, content: bytes | None) -> bool:
    store, key = open_store(uri)
    try:
        if content is None:
            store.delete(key)
        else:
            store.write(key, content)
    except StorageError:
        return False
    return True
