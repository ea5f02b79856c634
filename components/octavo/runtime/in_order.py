"""Several items at a time, their results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

In = TypeVar("In")
Out = TypeVar("Out")


def cores() -> int:
    """Cores that this process may use, which in a pod or under taskset can be fewer than the machine's."""
    return len(os.sched_getaffinity(0))


def in_order(work: Callable[[In], Out], items: Iterable[In], *, at_once: int) -> Iterator[Out]:
    """The results in the items' order, while up to `at_once` items are worked on by threads."""
    with ThreadPoolExecutor(at_once) as pool:
        pending: deque[Future[Out]] = deque()
        for item in items:
            pending.append(pool.submit(work, item))
            if len(pending) >= at_once:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
