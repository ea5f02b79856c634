"""Batches of a data set, preprocessed: read, decoded and prefetched by tf.data in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from octavo.data.assembly import Assembled, Assembly, check_settings
from octavo.data.blocks import Block, Labels
from octavo.data.dataset import Dataset
from octavo.data.elements import mapped
from octavo.data.inputs import ModelInputs
from octavo.data.preprocessing import Preprocessing
from octavo.errors import DataError, OctavoError
from octavo.graph.tensors import Array
from octavo.tensorflow import first_line, import_tensorflow

WORKERS = 2
"""Batches that are made at a time."""

AHEAD = 2
"""Batches that are ready before they are asked for."""


@dataclass(frozen=True)
class Batch:
    """Some examples that follow each other in the data set.

    Args:
        inputs: what goes into each input of the graph: array [examples, ...] of the input's type.
        labels: int64 [examples], or None for a data set without labels.
        start: the first example's place in the data set.
    """

    inputs: Mapping[str, Array]
    labels: Labels | None
    start: int

    @property
    def images(self) -> Array:
        """What goes into the one input of a graph that has no other."""
        (only,) = self.inputs.values()
        return only

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))


def batches(
    dataset: Dataset,
    preprocessing: Preprocessing,
    *,
    start: int,
    stop: int,
    batch_size: int,
    inputs: ModelInputs,
) -> Iterator[Batch]:
    """The examples from `start` up to `stop` in batches; the last may be smaller.

    Whether the preprocessing fits the graph is told now; examples are read when batches are asked for.

    Args:
        dataset: what to read.
        preprocessing: how examples become the model's inputs.
        start: the first example.
        stop: one past the last example.
        batch_size: examples a batch.
        inputs: what the graph takes.

    Raises:
        DataError: when an example cannot be read, decoded or brought to what the graph takes.
        StorageError: when the store fails.
        SpecError: when the preprocessing does not fit the graph.
    """
    check_settings(inputs, preprocessing)
    return _drawn(dataset, preprocessing, range(start, stop), batch_size, inputs)


def _drawn(
    dataset: Dataset, preprocessing: Preprocessing, examples: range, batch_size: int, inputs: ModelInputs
) -> Iterator[Batch]:
    start = examples.start
    with Assembly(inputs, preprocessing) as assembly:
        pipeline = _Pipeline(dataset.blocks(start, examples.stop, batch_size=batch_size), assembly, inputs)
        for made in pipeline.drawn():
            yield Batch(made.inputs, made.labels, start)
            start += len(next(iter(made.inputs.values())))


class _Pipeline:
    """Batches on their way through tf.data, which knows them by number only.

    One thread reads block after block, since files are read from their beginning to their end; others decode.
    """

    def __init__(self, blocks: Iterator[list[Block]], assembly: Assembly, inputs: ModelInputs) -> None:
        self._blocks = blocks
        self._assembly = assembly
        self._inputs = inputs
        self._read: dict[int, list[Block]] = {}
        self._faults: dict[int, OctavoError] = {}

    def drawn(self) -> Iterator[Assembled]:
        """The batches in order; a fault inside tf.data comes out as what it was."""
        tf = import_tensorflow()
        numbers = tf.data.Dataset.from_generator(self._numbers, output_signature=tf.TensorSpec((), tf.int64))
        options = tf.data.Options()
        options.autotune.enabled = False  # its thread sleeps, longer each time, and the data's end waits for it
        made = mapped(numbers, self._loaded, at_once=WORKERS).prefetch(AHEAD).with_options(options)
        ready = made.as_numpy_iterator()
        while True:
            try:
                *arrays, labels, labelled = next(ready)
            except StopIteration:
                return
            except tf.errors.OpError as fault:
                if self._faults:
                    raise self._faults[min(self._faults)] from None
                raise DataError(f"the examples cannot be put into batches: {first_line(fault, 120)}") from fault
            inputs = dict(zip(self._inputs.names, map(np.asarray, arrays), strict=True))
            yield Assembled(inputs, labels if labelled else None)

    def _numbers(self) -> Iterator[int]:
        """Read what each batch consists of, and give its number."""
        number = 0
        try:
            for number, blocks in enumerate(self._blocks):
                self._read[number] = blocks
                yield number
        except OctavoError as fault:
            self._faults[number + 1] = fault
            raise
        finally:
            self._blocks.close()  # type: ignore[attr-defined]  # it is a generator

    def _loaded(self, number: Any) -> Any:
        tf = import_tensorflow()
        types = [tf.dtypes.as_dtype(each.dtype) for each in self._inputs.inputs]
        return tf.py_function(self._assembled, [number], [*types, tf.int64, tf.bool])

    def _assembled(self, number: Any) -> list[Any]:
        place = int(number)
        try:
            made = self._assembly.batch(self._read.pop(place))
        except OctavoError as fault:
            self._faults[place] = fault
            raise
        labels = np.zeros(0, np.int64) if made.labels is None else made.labels
        return [*made.inputs.values(), labels, made.labels is not None]
