"""The shards of a data set."""

from __future__ import annotations

from octavo.data.dataset import open_dataset
from octavo.data.shard import Shard
from octavo.errors import SpecError

__all__ = ["MOST_SHARDS", "Shard", "plan_shards", "split"]

MOST_SHARDS = 100
"""Kubeflow hands the list of the shards' logs to the merging pod as one argument, which holds some 190 of them."""


def plan_shards(dataset_uri: str, *, shards: int, batch_size: int, limit: int = 0) -> list[Shard]:
    """Split a data set into shards of whole batches, so that the batches are the same whatever the number of shards.

    Args:
        dataset_uri: the data set.
        shards: how many shards; fewer come out when there are fewer batches.
        batch_size: examples a batch.
        limit: use the first examples only; 0 for all.

    Raises:
        SpecError: when a number is too small, or there are too many shards.
        DataError: when the data set has no images.
    """
    for name, value, least in (("shards", shards, 1), ("batch_size", batch_size, 1), ("limit", limit, 0)):
        if value < least:
            raise SpecError(f"{name} is {value}; wanted {least} or more")
    if shards > MOST_SHARDS:
        raise SpecError(f"shards is {shards}; wanted {MOST_SHARDS} or fewer")
    examples = len(open_dataset(dataset_uri))
    return split(min(examples, limit) if limit else examples, shards=shards, batch_size=batch_size)


def split(examples: int, *, shards: int, batch_size: int) -> list[Shard]:
    """Shards of as equal a number of batches as can be; the last batch may be short."""
    batches = -(-examples // batch_size)
    shards = min(shards, batches)
    ends = [min(examples, batch_size * (index * batches // shards)) for index in range(shards + 1)]
    return [Shard(index=index, start=ends[index], stop=ends[index + 1]) for index in range(shards)]
