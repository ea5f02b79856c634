from __future__ import annotations

import pytest
from pydantic import ValidationError

from octavo.data.shard import Shard, make_shard
from octavo.errors import DataError


def test_a_shard_comes_back_from_its_document_even_with_floats() -> None:
    assert Shard.model_validate({"index": 1.0, "start": 32.0, "stop": 64.0}) == Shard(index=1, start=32, stop=64)


@pytest.mark.parametrize("fields", [{"start": 3, "stop": 3}, {"start": -1, "stop": 3}, {"start": 0, "stop": 2.5}])
def test_a_shard_that_holds_nothing_is_refused(fields: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Shard.model_validate(fields)


@pytest.mark.parametrize(("start", "stop"), [(3, 3), (4, 3), (-1, 3)])
def test_a_shard_by_hand_that_holds_nothing_is_refused(start: int, stop: int) -> None:
    with pytest.raises(DataError, match="holds nothing"):
        make_shard(start, stop)


def test_a_shard_may_end_with_the_data_set() -> None:
    Shard(start=0, stop=10).check(10, "data")


def test_a_shard_beyond_the_data_set_is_refused() -> None:
    with pytest.raises(DataError, match="covers the examples 8 to 11, but 'data' has 10"):
        Shard(index=2, start=8, stop=12).check(10, "data")
