"""The records of a shard: every range of every batch."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from octavo.calibrate.observe import Observed, observe
from octavo.data.batches import Batch, batches
from octavo.data.dataset import Dataset
from octavo.data.image_input import image_input
from octavo.data.preprocessing import Preprocessing
from octavo.data.shard import Shard
from octavo.errors import CalibrationError
from octavo.graph.graph import Graph
from octavo.graph.min_max_log import format_correction, format_record
from octavo.graph.tensors import Array
from octavo.runtime.session import GraphSession

BATCHES_AT_ONCE = 4
"""Batches in the graph at a time, at most: memory is bounded by it."""

In = TypeVar("In")
Out = TypeVar("Out")


def shard_records(
    graph: Graph,
    dataset: Dataset,
    shard: Shard,
    *,
    preprocessing: Preprocessing,
    batch_size: int,
    inputs: Sequence[str] = (),
) -> Iterator[str]:
    """Run the shard's batches and give one line for every range, and bias correction, of every batch, in order.

    Args:
        graph: the logged graph.
        dataset: the data set.
        shard: which part of it.
        preprocessing: how images become the graph's input.
        batch_size: examples a batch; a graph with a batch of its own runs at that.
        inputs: the image input's name; found where left out.

    Raises:
        CalibrationError: when the graph prints no range, or one of its numbers is NaN or infinite.
        DataError: when the shard lies outside the data set, or an image cannot be used.
        GraphError: when the graph does not take images, or fails to run.
    """
    shard.check(len(dataset), dataset.uri)
    taken = image_input(graph, inputs)
    observed = observe(graph)
    drawn = batches(
        dataset,
        preprocessing,
        start=shard.start,
        stop=shard.stop,
        batch_size=taken.steps(batch_size),
        image_size=taken.size,
        channels=taken.channels,
    )
    with GraphSession(observed.graph) as session:

        def run(batch: Batch) -> tuple[Batch, list[Array]]:
            return batch, session.run(taken.feed(batch.images))

        for batch, values in in_order(run, drawn, at_once=_workers()):
            yield from _records(observed, values, batch)


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


def _workers() -> int:
    return min(BATCHES_AT_ONCE, os.cpu_count() or 1)


def _records(observed: Observed, values: Sequence[Array], batch: Batch) -> Iterator[str]:
    ends, vectors = values[: 2 * len(observed.nodes)], values[2 * len(observed.nodes) :]
    for node, *pair in zip(observed.nodes, ends[::2], ends[1::2], strict=True):
        low, high = _finite(node, pair, batch)
        yield format_record(node, low, high) + "\n"
    for node, vector in zip(observed.corrections, vectors, strict=True):
        yield format_correction(node, _finite(node, vector, batch)) + "\n"


def _finite(node: str, values: Iterable[Any], batch: Batch) -> list[float]:
    numbers = [float(value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise CalibrationError(
            f"{node!r} gives NaN or infinity in the batch of the examples {batch.start} to "
            f"{batch.start + len(batch) - 1}; wanted finite numbers: check the model and the preprocessing"
        )
    return numbers
