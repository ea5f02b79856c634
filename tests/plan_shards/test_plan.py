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
        ({"shards": 1001}, "shards is 1001; wanted 1000 or fewer"),
        ({"batch_size": 0}, "batch_size is 0; wanted 1 or more"),
        ({"limit": -1}, "limit is -1; wanted 0 or more"),
    ],
)
def test_numbers_out_of_their_range_are_refused(hundred: str, numbers: dict[str, Any], wanted: str) -> None:
    with pytest.raises(SpecError, match=wanted):
        plan_shards(hundred, **{"shards": 1, "batch_size": 1, "manifest": None, **numbers})


def test_a_data_set_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there are no images"):
        plan_shards(str(tmp_path), shards=1, batch_size=1)
