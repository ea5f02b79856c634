"""Memory that is kept between runs, and memory that a model needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from octavo.runtime import memory

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


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Where the container's limit would stand, in the second and in the first version of control groups."""
    files = (tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes")
    monkeypatch.setattr(memory, "LIMITS", files)
    return files


@pytest.mark.parametrize(
    ("version", "text", "wanted"),
    [(0, "2147483648\n", 2**31), (1, "2147483648\n", 2**31), (0, "max\n", None), (1, "9223372036854771712\n", None)],
)
def test_the_limit_of_a_container_counts_whatever_the_version_of_control_groups(
    limits: tuple[Path, Path], version: int, text: str, wanted: int | None
) -> None:
    all_there_is = memory.usable_memory()
    limits[version].write_text(text)
    assert memory.usable_memory() == (wanted or all_there_is)


@pytest.mark.parametrize("in_folder", [False, True])
def test_a_model_that_needs_more_than_the_limit_is_told_and_a_smaller_one_is_not(
    limits: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, in_folder: bool
) -> None:
    limits[0].write_text(f"{4 * 2**30}")
    model = tmp_path / "model" / "graph.pb"
    model.parent.mkdir()
    for size, for_each_byte in ((400_000_000, 4), (500_000_000, 4), (500_000_000, 19)):
        with model.open("wb") as file:
            file.truncate(size)
        memory.tell_of_memory(model.parent if in_folder else model, for_each_byte)

    (line,) = caplog.messages
    assert line.startswith("the model has 0.5 GB, for which such a step takes some 10.1 GB")
    assert "and there are 4.3 GB" in line
    assert "resources.STEP.limits.memory" in line
