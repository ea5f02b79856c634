from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from images import write_arrays
from octavo.data.shard import Shard
from octavo.errors import DataError, SpecError
from octavo.plan_shards.plan import plan_shards, split

counts = st.integers(1, 300)


@given(counts, counts, st.integers(1, 64))
def test_shards_cover_every_example_once_and_end_where_batches_end(examples: int, shards: int, batch: int) -> None:
    found = split(examples, shards=shards, batch_size=batch)
    assert [shard.index for shard in found] == list(range(len(found)))
    assert [shard.start for shard in found] == [0, *(shard.stop for shard in found[:-1])]
    assert found[-1].stop == examples
    assert all(shard.start % batch == 0 for shard in found)


@given(counts, counts, st.integers(1, 64))
def test_shards_differ_by_one_batch_at_most(examples: int, shards: int, batch: int) -> None:
    sizes = [-(-(shard.stop - shard.start) // batch) for shard in split(examples, shards=shards, batch_size=batch)]
    assert len(sizes) == min(shards, -(-examples // batch))
    assert max(sizes) - min(sizes) <= 1


@pytest.fixture
def hundred(tmp_path: Path) -> str:
    return write_arrays(tmp_path / "d.npz", x=np.zeros((100, 2, 2, 1), np.uint8))


def test_a_data_set_is_split(hundred: str) -> None:
    assert plan_shards(hundred, shards=2, batch_size=32) == [
        Shard(index=0, start=0, stop=64),
        Shard(index=1, start=64, stop=100),
    ]


@pytest.mark.parametrize(("limit", "stop"), [(0, 100), (40, 40), (1000, 100)])
def test_a_limit_takes_the_first_examples(hundred: str, limit: int, stop: int) -> None:
    assert plan_shards(hundred, shards=1, batch_size=32, limit=limit) == [Shard(index=0, start=0, stop=stop)]


@pytest.mark.parametrize(
    ("numbers", "wanted"),
    [
        ({"shards": 0}, "shards is 0; wanted 1 or more"),
        ({"shards": 10001}, "shards is 10001; wanted 10000 or fewer"),
        ({"batch_size": 0}, "batch_size is 0; wanted 1 or more"),
        ({"limit": -1}, "limit is -1; wanted 0 or more"),
    ],
)
def test_numbers_out_of_their_range_are_refused(hundred: str, numbers: dict[str, Any], wanted: str) -> None:
    with pytest.raises(SpecError, match=wanted):
        plan_shards(hundred, **{"shards": 1, "batch_size": 1, "manifest": None, **numbers})


@pytest.mark.parametrize(
    ("variables", "most", "words"),
    [
        ({}, 10000, "wanted 10000 or fewer"),
        (
            {"KFP_POD_NAME": "p", "ARGO_CONTAINER_NAME": "main"},
            250,
            "than the 250 that one run on Kubeflow Pipelines carries",
        ),
        ({"ARGO_CONTAINER_NAME": "main"}, 2000, "than the 2000 that one run on Argo Workflows carries"),
        ({"ARGO_CONTAINER_NAME": "main", "OCTAVO_SHARDS_IN_JOB": "true"}, 10000, "wanted 10000 or fewer"),
        ({"KFP_POD_NAME": "p", "OCTAVO_SHARDS_IN_JOB": "true"}, 10000, "wanted 10000 or fewer"),
    ],
    ids=["a command", "kubeflow", "argo", "a job on argo", "a job on kubeflow"],
)
def test_more_shards_than_run_where_the_step_does_are_refused(
    hundred: str, variables: dict[str, str], most: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("KFP_POD_NAME", "ARGO_CONTAINER_NAME", "OCTAVO_SHARDS_IN_JOB"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert len(plan_shards(hundred, shards=most, batch_size=1)) == 100
    with pytest.raises(SpecError, match=f"^shards is {most + 1}.*{words}"):
        plan_shards(hundred, shards=most + 1, batch_size=1)


def test_a_refusal_says_what_carries_more(hundred: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KFP_POD_NAME", "p")
    with pytest.raises(SpecError, match=r"mode argo carries 2000, and shards of an Indexed Job \(indexedJob.enabled"):
        plan_shards(hundred, shards=300, batch_size=1)


def test_a_data_set_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no images"):
        plan_shards(str(tmp_path), shards=1, batch_size=1)
