"""The log of a shard: every range of every batch, and what else its batches measure."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import numpy as np

from octavo.calibrate.observe import Observed, observe
from octavo.calibrate.session import Measured, ObservingSession, joined
from octavo.data.batches import Batch, batches
from octavo.data.dataset import Dataset
from octavo.data.inputs import ModelInputs, model_inputs
from octavo.data.preprocessing import Preprocessing
from octavo.data.shard import Shard
from octavo.errors import CalibrationError
from octavo.graph.graph import Graph
from octavo.graph.tensors import Array
from octavo.ranges.exact_sum import ExactSum
from octavo.ranges.log_records import counted, format_batches, format_examples, format_histogram, format_sum
from octavo.recipe import COUNTING, Algorithm
from octavo.runtime.in_order import cores, in_order
from octavo.runtime.mapped import with_mapped_constants
from octavo.runtime.memory import give_memory_back

BATCHES_AT_ONCE = 4
"""Batches in the graph at a time, at most: memory is bounded by it."""

NUMBERS_AT_ONCE = 5 * 224 * 224 * 3
"""Numbers in the inputs of the examples of a batch that go through the graph together, where it takes any number of
examples: more take memory, and of fewer each would take longer."""

BATCHES_WRITTEN = 32
"""Batches whose lines are written together, which takes less time than one by one."""

MAPPED_BYTES = 1 << 20
"""Weights of so many bytes and more stay in files; smaller ones are packed once, which takes a little memory."""

CORRECTED_EVERY, SETTLED, THEN_EVERY = 4, 200, 64
"""One batch of `CORRECTED_EVERY` measures bias corrections in the first `SETTLED` examples of the data set, and one of
`THEN_EVERY` behind them: they are means, which fewer examples settle than ranges need."""

UNNUMBERED: frozenset[Algorithm] = frozenset({"order_statistic", "min_max"})
"""For these a log is Intel's to the byte; for the others each range says its batch."""


def shard_records(
    graph: Graph,
    dataset: Dataset,
    shard: Shard,
    *,
    preprocessing: Preprocessing,
    batch_size: int,
    inputs: Sequence[str] = (),
    algorithm: Algorithm = "order_statistic",
    at_once: int = BATCHES_AT_ONCE,
) -> Iterator[str]:
    """Run the shard's batches and give the lines of its log.

    One line says which examples it is of, one follows for every range and batch, in order, and at the end one for every
    bias correction and, where the algorithm needs it, every histogram. Around them stand the lines that begin and end a
    log.

    Args:
        graph: the logged graph.
        dataset: the data set.
        shard: which part of it.
        preprocessing: how images become the graph's input.
        batch_size: examples a batch; a graph with a batch of its own runs at that.
        inputs: the inputs' names; all Placeholders where left out.
        algorithm: what the log is for: averages need each batch's place, others histograms.
        at_once: batches in the graph at a time, at most, and never more than the machine has cores.

    Raises:
        CalibrationError: when the graph prints no range, or one of its numbers is NaN or infinite.
        DataError: when the shard lies outside the data set, or an image cannot be used.
        GraphError: when the graph has no such inputs, or fails to run.
    """
    shard.check(len(dataset), dataset.uri)
    taken = model_inputs(graph, inputs)
    step = taken.steps(batch_size)
    drawn = batches(
        dataset,
        preprocessing,
        start=shard.start,
        stop=shard.stop,
        batch_size=step,
        inputs=taken,
    )
    records = _records(graph, drawn, taken, step, algorithm, min(at_once, cores()))
    return counted(chain([format_examples(shard.start, shard.stop) + "\n"], records))


def _records(
    graph: Graph,
    drawn: Iterator[Batch],
    taken: ModelInputs,
    step: int,
    algorithm: Algorithm,
    at_once: int,
) -> Iterator[str]:
    """The lines of what batches of `step` examples measure."""
    with tempfile.TemporaryDirectory(prefix="octavo-constants-") as folder:
        observed = _mapped(observe(graph), Path(folder))
        del graph  # memory need not hold its weights a second time
        give_memory_back()
        corrections = _Corrections(observed.corrections)
        with ObservingSession(observed, histograms=algorithm in COUNTING) as session:

            def run(batch: Batch) -> tuple[range, Measured]:
                corrected = batch.start // step % (CORRECTED_EVERY if batch.start < SETTLED else THEN_EVERY) == 0
                feeds = taken.feed(batch)
                parts = _parts(feeds, step if taken.batch else _at_once(feeds))
                measured = [session.measure(part, corrections=corrected) for part in parts]
                whole = joined(measured, [len(next(iter(part.values()))) for part in parts])
                return range(batch.start, batch.start + len(batch)), whole

            found = in_order(run, drawn, at_once=at_once)
            while written := list(islice(found, BATCHES_WRITTEN)):
                for examples, measured in written:
                    _check_ranges(observed.nodes, measured, examples)
                    corrections.add(measured.corrections, session.channels, examples)
                places = [-1 if algorithm in UNNUMBERED else examples.start // step for examples, _ in written]
                lows, highs = (np.stack(ends) for ends in zip(*((m.lows, m.highs) for _, m in written), strict=True))
                yield from format_batches(observed.nodes, lows, highs, places)
            yield from corrections.lines()
            yield from (
                format_histogram(n, session.histograms[n]) + "\n" for n in observed.nodes if n in session.histograms
            )


def _mapped(observed: Observed, folder: Path) -> Observed:
    """The same with its large arrays in files of the folder."""
    errors = [
        error.mapped(folder / f"{number}.npy") if error and error.error.nbytes >= MAPPED_BYTES else error
        for number, error in enumerate(observed.errors)
    ]
    graph = with_mapped_constants(observed.graph, folder, MAPPED_BYTES)
    return replace(observed, graph=graph, errors=tuple(errors))


def _at_once(feeds: Mapping[str, Array]) -> int:
    """How many examples of a batch go through the graph together."""
    numbers = sum(values[:1].size for values in feeds.values())
    return max(1, NUMBERS_AT_ONCE // numbers)


def _parts(feeds: Mapping[str, Array], size: int) -> list[dict[str, Array]]:
    """A batch's feeds, cut into parts of so many examples; the last may have fewer."""
    count = max(len(values) for values in feeds.values())
    return [{name: values[start : start + size] for name, values in feeds.items()} for start in range(0, count, size)]


def _check_ranges(nodes: Sequence[str], measured: Measured, examples: range) -> None:
    finite = np.isfinite(measured.lows) & np.isfinite(measured.highs)
    for at in np.flatnonzero(~finite):
        _check_finite(nodes[int(at)], np.array([measured.lows[at], measured.highs[at]]), examples)


class _Corrections:
    """The sums of bias corrections, held as one vector: adding many short ones exactly takes time.

    Args:
        nodes: the names that the log gives them.
    """

    def __init__(self, nodes: Sequence[str]) -> None:
        self._nodes = nodes
        self._lengths: Sequence[int] = ()
        self._total: ExactSum | None = None

    def add(self, measured: Array, lengths: Sequence[int], examples: range) -> None:
        """Add what a batch measured: so many channels for each node, or none at all."""
        if not len(measured):
            return
        for node, values in zip(self._nodes, np.split(measured, np.cumsum(lengths)[:-1]), strict=True):
            _check_finite(node, values, examples)
        made = ExactSum.of(measured)
        self._lengths = lengths
        self._total = made if self._total is None else self._total + made

    def lines(self) -> Iterator[str]:
        """The sums' lines."""
        if self._total is not None:
            for node, total in zip(self._nodes, self._total.split(self._lengths), strict=True):
                yield format_sum(node, total) + "\n"


def _check_finite(node: str, values: Array, examples: range) -> None:
    if not np.isfinite(values).all():
        raise CalibrationError(
            f"{node!r} gives NaN or infinity in the batch of the examples {examples[0]} to {examples[-1]}; wanted "
            "finite numbers: check the model and the preprocessing"
        )
