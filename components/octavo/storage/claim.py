"""Claims: one writer of a folder at a time.

Who wants to write makes the object `.octavo-claim` in the folder, which only one can, and renews it while it writes.
One that nobody renews is of a writer that died, and the next one takes it over. No clocks are compared: who waits
measures how long the claim has not changed.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from octavo.errors import StorageError
from octavo.storage.store import ConflictError, MissingObjectError, Store
from octavo.storage.transfer import join, open_store

NAME = ".octavo-claim"

LEASE_SECONDS = 60.0
"""How long a claim holds that is not renewed."""

RENEWAL_SECONDS = 15.0

WAIT_SECONDS = 90.0
"""How long a writer waits for its turn."""

POLL_SECONDS = 1.0


class Claim:
    """The right to write a folder.

    Args:
        store: where the folder is.
        key: the claim's object.
        owner: what other writers are told.
    """

    def __init__(self, store: Store, key: str, owner: str, uri: str) -> None:
        self._store = store
        self._key = key
        self._uri = uri
        self._content = {"owner": owner, "token": uuid.uuid4().hex}
        self._renewals = 0
        self._version = ""
        self._lost: StorageError | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def check(self) -> None:
        """Confirm that the claim still holds.

        Raises:
            StorageError: when somebody else has taken it over, or the store did not take a renewal.
        """
        if self._lost is not None:
            raise StorageError(f"{self._uri}: the right to write there was lost ({self._lost}); try again")

    def take(self, version: str | None) -> None:
        """Make the claim, or take over the one of that version. Raises ConflictError when somebody else was faster."""
        self._version = self._store.write_if(self._key, self._data(), version)
        self._thread.start()

    def release(self) -> None:
        """Let others write."""
        self._over.set()
        self._thread.join()
        if self._lost is None:
            with suppress(StorageError):  # then it runs out
                self._store.delete(self._key)

    def _keep(self) -> None:
        while not self._over.wait(RENEWAL_SECONDS):
            self._renewals += 1
            try:
                self._version = self._store.write_if(self._key, self._data(), self._version)
            except StorageError as fault:
                self._lost = fault
                return

    def _data(self) -> bytes:
        return json.dumps({**self._content, "renewals": self._renewals}).encode()


@contextmanager
def claimed(folder_uri: str, owner: str) -> Iterator[Claim]:
    """Be the only writer of a folder, of those that ask; wait for one's turn.

    Args:
        folder_uri: the folder; it need not exist.
        owner: who is writing what, as others will be told.

    Raises:
        StorageError: when another writer does not finish in `WAIT_SECONDS`, or the store fails.
    """
    uri = join(folder_uri, NAME)
    store, key = open_store(uri)
    claim = Claim(store, key, owner, folder_uri)
    _take(claim, store, key, folder_uri)
    try:
        yield claim
    finally:
        claim.release()


def _take(claim: Claim, store: Store, key: str, folder_uri: str) -> None:
    """Take the claim as soon as it is free, or has run out."""
    start = seen_since = time.monotonic()
    seen: str | None = None
    while True:
        found, version = _current(store, key)
        now = time.monotonic()
        if version != seen:
            seen, seen_since = version, now
        if version is None or now - seen_since >= LEASE_SECONDS:
            with suppress(ConflictError):
                claim.take(version)
                return
        if now - start >= WAIT_SECONDS:
            raise StorageError(
                f"{folder_uri}: {_owner(found)} is writing there and has not finished in {WAIT_SECONDS:g} s; try again "
                "later, or into another folder"
            )
        time.sleep(POLL_SECONDS)


def _current(store: Store, key: str) -> tuple[bytes, str | None]:
    try:
        return store.versioned(key)
    except MissingObjectError:
        return b"", None


def _owner(content: bytes) -> str:
    try:
        return str(json.loads(content)["owner"])
    except (ValueError, KeyError, TypeError):
        return "somebody else"
