"""Questions to an API that is away for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0
"""The first pause between two tries at an API that does not answer, and the longest; each is twice the one before."""

PASSING = frozenset({0, 429, 502, 503, 504})
"""HTTP statuses of an API that may answer later; 0 stands for none."""

Answer = TypeVar("Answer")


class StillAwayError(Exception):
    """An API that stayed away, after so many tries; the last failure is the cause."""

    def __init__(self, tries: int) -> None:
        super().__init__(f"{tries} tries")
        self.tries = tries


def asked_again(question: Callable[[], Answer], away: Callable[[Exception], bool], *, wait_seconds: float) -> Answer:
    """The answer to a question, asked again while the API is away.

    Args:
        question: asks.
        away: whether a failure says no more than that.
        wait_seconds: how long to ask again.

    Raises:
        StillAwayError: when the API stays away.
    """
    end, pause, tries = time.monotonic() + wait_seconds, PAUSE_SECONDS, 1
    while True:
        try:
            return question()
        except Exception as fault:
            if not away(fault):
                raise
            if time.monotonic() + pause > end:
                raise StillAwayError(tries) from fault
        time.sleep(pause)
        pause, tries = min(2 * pause, LONGEST_PAUSE_SECONDS), tries + 1
