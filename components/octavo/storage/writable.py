"""Proving that a folder can be written, before hours of work are to be written there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from octavo.errors import StorageError
from octavo.storage.transfer import join, open_store

NAME = ".octavo-writable"


def prove_writable(folder_uri: str) -> None:
    """Write a small object into a folder and delete it again; of local files, folders made for it go as well.

    Raises:
        StorageError: when the store cannot be reached or refuses, with what it says.
    """
    store, key = open_store(join(folder_uri, NAME))
    with _without_new_folders(Path(key).parent if key.startswith("/") else None):
        store.write(key, b"octavo\n")
        with suppress(StorageError):  # whoever may write but not delete can publish all the same
            store.delete(key)


@contextmanager
def _without_new_folders(folder: Path | None) -> Iterator[None]:
    """Remove the folders that were not there before, as far as they are empty."""
    new = [] if folder is None else [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    finally:
        for each in new:
            with suppress(OSError):
                each.rmdir()
