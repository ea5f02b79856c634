"""The shards of a data set."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

from octavo.data.dataset import Dataset, open_dataset
from octavo.data.manifest import write_manifest
from octavo.data.sampling import sampled
from octavo.data.shard import Shard
from octavo.errors import SpecError
from octavo.notes import counted
from octavo.run_parameters import check_shards

__all__ = ["Shard", "plan_shards", "split"]

LOG = logging.getLogger(__name__)


def plan_shards(
    dataset_uri: str,
    *,
    shards: int,
    batch_size: int,
    limit: int = 0,
    seed: int = 0,
    most_bytes: int = 0,
    manifest: Path | None = None,
) -> list[Shard]:
    """Split a data set into shards of whole batches, so that the batches are the same whatever the number of shards.

    Args:
        dataset_uri: the data set.
        shards: how many shards; fewer come out when there are fewer batches.
        batch_size: examples a batch.
        limit: use that many examples only; 0 for all.
        seed: 0 takes the examples in the data set's order, any other number in a random one that it chooses; that takes
            a manifest.
        most_bytes: a shard of more stored bytes is split further, down to one batch; 0 for no such limit.
        manifest: write the examples to this file, as a manifest. Whoever reads a shard opens it in place of the data
            set, and so lists, counts and chooses nothing again.

    Raises:
        SpecError: when a number is too small, there are more shards than run here, or a seed has no manifest.
        DataError: when the data set has no examples.
    """
    least = (("shards", shards, 1), ("batch_size", batch_size, 1), ("limit", limit, 0), ("most_bytes", most_bytes, 0))
    for name, value, wanted in least:
        if value < wanted:
            raise SpecError(f"{name} is {value}; wanted {wanted} or more")
    check_shards(shards)
    if seed and manifest is None:
        raise SpecError("a seed chooses the examples, which only a manifest can say to who reads them; name its file")
    dataset = _chosen(dataset_uri, limit, seed)
    examples = min(len(dataset), limit) if limit else len(dataset)
    planned = split(examples, shards=shards, batch_size=batch_size)
    if most_bytes:
        planned = _smaller(dataset, planned, batch_size, most_bytes)
        check_shards(len(planned))
    if manifest is not None:
        write_manifest(dataset, manifest, examples)
    what = (counted(len(planned), "shard"), counted(examples, "example"), f"{batch_size:,}")
    LOG.info("planned %s: %s in batches of %s", *what)
    return planned


def _chosen(uri: str, limit: int, seed: int) -> Dataset:
    if seed:
        return sampled(open_dataset(uri), seed, limit)
    return open_dataset(uri, most=limit or None)


def split(examples: int, *, shards: int, batch_size: int) -> list[Shard]:
    """Shards of as equal a number of batches as can be; the last batch may be short."""
    batches = -(-examples // batch_size)
    shards = min(shards, batches)
    ends = [min(examples, batch_size * (index * batches // shards)) for index in range(shards + 1)]
    return _shards(ends)


def _shards(ends: Sequence[int]) -> list[Shard]:
    return [Shard(index=index, start=start, stop=stop) for index, (start, stop) in enumerate(pairwise(ends))]


def _smaller(dataset: Dataset, planned: Sequence[Shard], batch_size: int, most_bytes: int) -> list[Shard]:
    """The shards, those of too many bytes cut where a batch begins."""
    before = list(accumulate(dataset.sizes(0, planned[-1].stop), initial=0))
    ends = [0]
    for shard in planned:
        ends += _cuts(before, shard, batch_size, most_bytes)
        ends.append(shard.stop)
    return _shards(ends)


def _cuts(before: Sequence[int], shard: Shard, batch_size: int, most_bytes: int) -> Iterator[int]:
    """Where to cut a shard; `before` are the bytes of all examples in front of each."""
    start = shard.start
    for batch in range(shard.start + batch_size, shard.stop, batch_size):
        end = min(batch + batch_size, shard.stop)
        if before[end] - before[start] > most_bytes:
            yield batch
            start = batch
