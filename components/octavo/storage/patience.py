"""One policy for stores that are away: what may succeed later is tried again, for a while.

    Patience().keep(work)     work(), until it succeeds, is refused for good, or the time is up

A store is away when it cannot be reached, breaks off, is busy or fails within (`UnavailableError`). The pauses between
tries grow and are random, so that many pods do not come back at the same moment. An outage is told when it begins and
when it ends, once for all the threads that wait.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import TypeVar

from octavo.errors import StorageError
from octavo.storage.settings import setting
from octavo.storage.store import UnavailableError

VARIABLE = "OCTAVO_STORE_RETRY_SECONDS"
"""The setting that says how long an operation is tried again, counted from its first failure."""

DEFAULT_SECONDS = 5.0
"""That time where nothing is said, as at a desk: octavo's image says 600."""

UNKNOWN_NAME_SECONDS = 60.0
"""The most of it for a host that no name server knows, which is more often misspelt than away."""

FIRST_PAUSE_SECONDS = 0.2

LONGEST_PAUSE_SECONDS = 15.0

NEW_OUTAGE_SECONDS = 60.0
"""After how long without a failure the next one begins an outage of its own, in a transfer that takes long."""

MOST_OUTAGES = 5
"""How many there may be in one operation: one that breaks each time after a minute will not succeed."""

LOG = logging.getLogger(__name__)

Result = TypeVar("Result")

_limit: ContextVar[float] = ContextVar("limit", default=math.inf)


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Within the block, and in this thread, nothing is tried again for longer; infinity undoes an outer limit."""
    token = _limit.set(seconds)
    try:
        yield
    finally:
        _limit.reset(token)


class Patience:
    """The tries of one operation.

    Raises:
        StorageError: when the environment's time cannot be read.
    """

    def __init__(self) -> None:
        self._seconds = min(_seconds(), _limit.get())
        self._since = self._last = -math.inf
        self._pauses = self._outages = 0
        self._where = ""

    def keep(self, work: Callable[[], Result]) -> Result:
        """What `work` returns, in as many tries as it takes.

        Raises:
            UnavailableError: when the time is up; it says how long it was tried.
        """
        while True:
            try:
                result = work()
            except UnavailableError as fault:
                if not self.waits(fault):
                    raise self._given_up(fault) from fault.__cause__
            else:
                if self._pauses:
                    _OUTAGES.ended(self._where, self._last - self._since)
                return result

    def waits(self, fault: UnavailableError) -> bool:
        """Wait for the next try after this failure, and tell of an outage that begins; False when the time is up."""
        now = time.monotonic()
        if now - self._last > NEW_OUTAGE_SECONDS and self._outages < MOST_OUTAGES:
            self._since, self._outages = now, self._outages + 1
        self._last, self._where = now, fault.where
        seconds = min(self._seconds, fault.most_seconds)
        if now - self._since >= seconds:
            return False
        self._pauses += 1
        _OUTAGES.began(fault.where, f"{fault.where} {fault.what}; trying for up to {seconds:g} s")
        longest = min(FIRST_PAUSE_SECONDS * 2 ** min(self._pauses, 16), LONGEST_PAUSE_SECONDS)
        pause = random.uniform(0, longest)  # noqa: S311  # no secret
        time.sleep(min(pause, self._since + seconds - now))
        return True

    def _given_up(self, fault: UnavailableError) -> UnavailableError:
        if not self._pauses:
            return fault
        _OUTAGES.forget(fault.where)
        tried = f"tried for {self._last - self._since:.0f} s"
        return UnavailableError(f"{fault} ({tried})", fault.where, fault.what)


class _Outages:
    """What is away now, so that many threads tell of it once."""

    def __init__(self) -> None:
        self._away: set[str] = set()
        self._lock = Lock()

    def began(self, where: str, sentence: str) -> None:
        with self._lock:
            if where not in self._away:
                self._away.add(where)
                LOG.warning("%s", sentence)

    def ended(self, where: str, seconds: float) -> None:
        with self._lock:
            if where in self._away:
                self._away.remove(where)
                LOG.warning("%s answers again, after some %.0f s", where, seconds)

    def forget(self, where: str) -> None:
        with self._lock:
            self._away.discard(where)


_OUTAGES = _Outages()


def _seconds() -> float:
    text = setting(VARIABLE)
    try:
        seconds = float(text or DEFAULT_SECONDS)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise StorageError(f"{VARIABLE} is {text!r}; wanted seconds, 0 or more")
    return seconds
