"""Memory that is kept between runs."""

from __future__ import annotations

import subprocess
import sys

ROUNDS = """
import resource
import numpy as np
from octavo.runtime.memory import keep_memory

def new_pages(rounds):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(rounds):
        held = [np.ones(40_000, np.float32) for _ in range(8)]
        del held
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

{first}
new_pages(5)
print(new_pages(20))
"""


def new_pages(first: str) -> int:
    """How many pages a process of its own gets from the system when it frees and takes eight tensors twenty times."""
    ran = subprocess.run(
        [sys.executable, "-c", ROUNDS.format(first=first)], capture_output=True, text=True, check=True, timeout=60
    )
    return int(ran.stdout)


def test_tensors_of_the_run_before_give_their_memory_to_the_next() -> None:
    given_back = new_pages("")
    assert given_back > 20 * 8 * 20, "without it the C library gives them back: 40 pages for each"
    assert new_pages("keep_memory()") < given_back / 20
