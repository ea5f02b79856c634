"""What every store can do, and what it gives back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from octavo.errors import StorageError


class MissingObjectError(StorageError):
    """An object that is not there, in a store that answers."""


class ConflictError(StorageError):
    """An object that somebody else made or changed in between; nothing was written."""


class UnavailableError(StorageError):
    """A store that does not answer, or cannot now: the same may succeed later.

    Args:
        message: the whole sentence, about one object.
        where: the store, as sentences name it.
        what: what is the matter with it; a sentence after `where`.
        most_seconds: how long it makes sense to try again.
    """

    def __init__(self, message: str, where: str, what: str, *, most_seconds: float = math.inf) -> None:
        super().__init__(message)
        self.where = where
        self.what = what
        self.most_seconds = most_seconds


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of a listing.

    Attributes:
        uri: where it is, as every function of `octavo.storage` takes it.
        name: its key relative to the folder that was listed.
        size: bytes.
        version: which content it has, as `Store.version` tells.
        modified: when that was stored, in seconds since 1970.
    """

    uri: str
    name: str
    size: int
    version: str
    modified: float


class Store(Protocol):
    """One bucket, or the local files. Safe to call from several threads.

    Every method raises StorageError, in one sentence, when the store refuses the credentials or has no such bucket,
    and UnavailableError when it is still away after it was tried again for a while (patience.py); those that need an
    object raise MissingObjectError when it is absent.
    """

    def read(self, key: str) -> bytes:
        """The whole object, its size and checksum verified where the store tells them."""
        ...

    def read_range(self, key: str, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop`, all of them; a checksum of a part is told by no store."""
        ...

    def download(self, key: str, path: Path) -> None:
        """Stream the object to a local file, which appears whole or not at all; verified as by `read`."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Make or replace the object, whole or not at all."""
        ...

    def upload(self, path: Path, key: str) -> None:
        """Make or replace the object with the content of a local file, whole or not at all."""
        ...

    def versioned(self, key: str) -> tuple[bytes, str]:
        """The whole object, and the version of it, which another one never has."""
        ...

    def write_if(self, key: str, data: bytes, version: str | None) -> str:
        """Make a small object if there is none (None), or replace it if it is still that version; the new version.

        Of several who try at the same time one succeeds. Raises ConflictError for the others.
        """
        ...

    def list(self, folder: str) -> Sequence[StoredObject]:
        """Everything under a folder, however deep, ordered by name; nothing when there is no such folder."""
        ...

    def size(self, key: str) -> int:
        """Bytes of the object."""
        ...

    def version(self, key: str) -> str:
        """Which content the object has: another text once it is replaced by something else."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; one that is absent already is no error."""
        ...
