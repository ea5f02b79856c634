"""Claims: one writer of a folder at a time.

Who wants to write makes the object `.octavo-claim` in the folder, which only one can, and renews it while it writes.
One that nobody renews is of a writer that died, and the next one takes it over. No clocks are compared: who waits
measures how long the claim has not changed.

While the store is away nobody can renew and nobody can take over: who waits begins to measure anew when it is back, and
who writes has lost its claim only when another has it.
"""

from __future__ import annotations

import json
import math
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from octavo.errors import StorageError
from octavo.storage.patience import Patience, at_most
from octavo.storage.store import ConflictError, MissingObjectError, Store
from octavo.storage.transfer import join, open_store

NAME = ".octavo-claim"

LEASE_SECONDS = 60.0
"""How long a claim holds that is not renewed."""

RENEWAL_SECONDS = 15.0

RELEASE_SECONDS = 15.0
"""How long the end of a claim is tried: one that stays runs out."""

WAIT_SECONDS = 90.0
"""How long a writer waits for its turn."""

POLL_SECONDS = 1.0

Result = TypeVar("Result")


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
        self._renewed = 0.0
        self._lost: StorageError | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def check(self) -> None:
        """Confirm that the claim still holds; one that was long not renewed is renewed now.

        Raises:
            StorageError: when somebody else has taken it over, or the store does not take a renewal.
        """
        if self._lost is None and time.monotonic() - self._renewed > LEASE_SECONDS / 2:
            self._renew()
        if self._lost is not None:
            raise StorageError(f"{self._uri}: the right to write there was lost ({self._lost}); try again")

    def keep(self, work: Callable[[], Result]) -> Result:
        """What `work` returns, which writes the folder: each of its tries under a claim that holds.

        Raises:
            StorageError: as `check` does, or when the store is away for too long.
        """

        def once() -> Result:
            with at_most(0):
                self.check()
                return work()

        with at_most(math.inf):
            patience = Patience()
        return patience.keep(once)

    def take(self, version: str | None) -> None:
        """Make the claim, or take over the one of that version. Raises ConflictError when somebody else was faster."""
        now = time.monotonic()
        self._version = self._store.write_if(self._key, self._data(0), version)
        self._renewed = now
        self._thread.start()

    def release(self) -> None:
        """Let others write."""
        self._over.set()
        self._thread.join()
        if self._lost is None:
            with suppress(StorageError), at_most(RELEASE_SECONDS):  # else it runs out
                Patience().keep(self._delete)

    def _delete(self) -> None:
        """One try, after a look: the one before may have succeeded, and another writer have the claim since."""
        with at_most(0):
            if self._content["token"].encode() in self._store.versioned(self._key)[0]:
                self._store.delete(self._key)

    def _keep(self) -> None:
        while self._lost is None and not self._over.wait(self._pause()):
            with suppress(StorageError), at_most(0):
                self._renew()

    def _pause(self) -> float:
        """Seconds to the next renewal; soon, where the last one was not taken."""
        due = self._renewed + RENEWAL_SECONDS - time.monotonic()
        return max(due, min(POLL_SECONDS, RENEWAL_SECONDS))

    def _renew(self) -> None:
        """Write the claim again. Raises StorageError when the store does not take it, which says nothing of others."""
        with self._lock:
            now = time.monotonic()
            data = self._data(self._renewals + 1)  # the same again after a try of which nobody knows the outcome
            try:
                self._version = self._store.write_if(self._key, data, self._version)
            except (ConflictError, MissingObjectError) as fault:
                self._lost = fault
            else:
                self._renewals, self._renewed = self._renewals + 1, now

    def _data(self, renewals: int) -> bytes:
        return json.dumps({**self._content, "renewals": renewals}).encode()


@contextmanager
def claimed(folder_uri: str, owner: str) -> Iterator[Claim]:
    """Be the only writer of a folder, of those that ask; wait for one's turn.

    Within the block a store that is away is tried again for half a lease at most; `Claim.keep` has more patience.

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
        with at_most(LEASE_SECONDS / 2):  # what is tried for longer may come when the claim is another's
            yield claim
    finally:
        claim.release()


def _take(claim: Claim, store: Store, key: str, folder_uri: str) -> None:
    """Take the claim as soon as it is free, or has run out."""
    last = time.monotonic()
    waited = unchanged = 0.0
    seen: str | None = None
    while True:
        found, version = _current(store, key)
        now = time.monotonic()
        away = now - last > LEASE_SECONDS / 2  # then the other could not renew it
        waited += 0 if away else now - last
        unchanged = 0 if away or version != seen else unchanged + now - last
        seen, last = version, now
        if version is None or unchanged >= LEASE_SECONDS:
            with suppress(ConflictError):
                claim.take(version)
                return
        if waited >= WAIT_SECONDS:
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
