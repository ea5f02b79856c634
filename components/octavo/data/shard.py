"""A part of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from octavo.errors import DataError
from octavo.reading import read_document


class Shard(BaseModel):
    """The examples from `start` up to, not including, `stop`.

    Attributes:
        index: the shard's place among the shards of a plan.
        start: the first example.
        stop: one past the last example.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    index: Annotated[int, Field(ge=0)] = 0
    start: Annotated[int, Field(ge=0)]
    stop: Annotated[int, Field(ge=1)]

    @model_validator(mode="after")
    def _holds_something(self) -> Self:
        if self.stop <= self.start:
            raise ValueError(f"the shard's stop {self.stop} is not above its start {self.start}")
        return self

    def check(self, examples: int, uri: str) -> None:
        """Confirm that the shard lies within a data set.

        Raises:
            DataError: when it ends behind the last example.
        """
        if self.stop > examples:
            raise DataError(
                f"the shard {self.index} covers the examples {self.start} to {self.stop - 1}, but {uri!r} has "
                f"{examples}; plan the shards of this data set again"
            )

    def parts(self, count: int, batch_size: int) -> list[Shard]:
        """Shards of whole batches that together are this one, as equal as can be; fewer where it has fewer batches."""
        batches = -(-(self.stop - self.start) // batch_size)
        count = min(count, batches)
        ends = [min(self.stop, self.start + batch_size * (part * batches // count)) for part in range(count + 1)]
        return [Shard(index=part, start=ends[part], stop=ends[part + 1]) for part in range(count)]


def make_shard(start: int, stop: int) -> Shard:
    """A shard that is no part of a plan.

    Raises:
        DataError: when it would hold nothing.
    """
    if not 0 <= start < stop:
        raise DataError(f"a shard from example {start} to {stop} holds nothing; wanted 0 <= start < stop")
    return Shard(start=start, stop=stop)


def read_shards(path: Path) -> tuple[Shard, ...]:
    """Read the shards that plan_shards wrote to a JSON file.

    Raises:
        DataError: when the file cannot be read or holds something else.
    """
    return read_document(
        path,
        tuple[Shard, ...],
        DataError,
        unread="the shards' file {path!r} cannot be read: {why}",
        wrong="{path!r} holds no list of shards: {why}",
    )
