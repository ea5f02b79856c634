"""A session that runs the graph that `observe` made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np

from octavo.calibrate.observe import Observed
from octavo.errors import CalibrationError
from octavo.graph.graph import Graph
from octavo.graph.histogram import Histogram
from octavo.graph.tensors import Array
from octavo.runtime.session import GraphSession, full_name
from octavo.runtime.tensorflow import import_tensorflow


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run measured.

    Attributes:
        lows: float32 [nodes].
        highs: float32 [nodes].
        corrections: float32 [channels] for each bias correction; empty where they were left out.
    """

    lows: Array
    highs: Array
    corrections: list[Array]


def joined(parts: Sequence[Measured], sizes: Sequence[int]) -> Measured:
    """What a batch measures, of its parts.

    Args:
        parts: what they measured.
        sizes: how many examples each has; corrections are means over examples.
    """
    if len(parts) == 1:
        return parts[0]
    return Measured(
        np.min([part.lows for part in parts], axis=0),
        np.max([part.highs for part in parts], axis=0),
        [
            np.average(values, axis=0, weights=sizes).astype(np.float32)
            for values in zip(*(part.corrections for part in parts), strict=True)
        ],
    )


class ObservingSession:
    """Sessions of a graph that measures ranges; a context manager.

    There are two: one without the bias corrections, and one with them, which is made when it is first wanted.

    Args:
        observed: the graph.
        histograms: count the values of the measured tensors as well.

    Attributes:
        histograms: node -> how often its values occurred, over all runs.

    Raises:
        CalibrationError: when values are to be counted of a range that is not measured on one tensor.
        GraphError: when TensorFlow cannot load the graph.
    """

    def __init__(self, observed: Observed, *, histograms: bool = False) -> None:
        self.histograms: dict[str, Histogram] = {}
        self._ranges = 2 * len(observed.nodes)
        self._counted = _counted(observed) if histograms else []
        self._graph = observed.graph
        self._lock = threading.Lock()
        self._sessions: dict[bool, _CountingSession] = {}
        self._session(corrections=False)

    def measure(self, feeds: Mapping[str, Array], *, corrections: bool) -> Measured:
        """Run a batch. Raises GraphError as `GraphSession.run` does."""
        ends, *vectors = self._session(corrections=corrections).values(feeds)
        return Measured(ends[::2], ends[1::2], vectors)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        for session in self._sessions.values():
            session.close()

    def _session(self, *, corrections: bool) -> _CountingSession:
        with self._lock:
            if corrections not in self._sessions:
                outputs = self._graph.outputs if corrections else self._graph.outputs[: self._ranges]
                graph = self._graph.with_ends(self._graph.inputs, outputs).without_dead_nodes()
                self._sessions[corrections] = _CountingSession(graph, self._ranges, self._counted, self._add)
            return self._sessions[corrections]

    def _add(self, node: str, values: Array) -> None:
        with suppress(CalibrationError):  # NaN and infinity: the range tells
            made = Histogram.of(values)
            with self._lock:
                held = self.histograms.get(node)
                self.histograms[node] = made if held is None else held + made


class _CountingSession(GraphSession):
    """A session that hands tensors to a function whenever it runs.

    Args:
        graph: the graph to load.
        numbers: how many of its outputs, from the first, are one number each: they are fetched as one vector, since
            each tensor that is fetched takes time.
        counted: pairs of a name and the tensor to hand on under it.
        count: called with the name and the tensor's value.
    """

    def __init__(
        self, graph: Graph, numbers: int, counted: Sequence[tuple[str, str]], count: Callable[[str, Array], None]
    ) -> None:
        super().__init__(graph, optimizer_passes=1, in_caller=True)
        tf = import_tensorflow()
        loaded = self._session.graph
        with loaded.as_default():
            together = tf.stack(
                [each if each.shape.rank == 0 else tf.reshape(each, []) for each in self._fetches[:numbers]]
            )
            counting = [
                tf.numpy_function(partial(count, name), [loaded.get_tensor_by_name(full_name(tensor))], [])
                for name, tensor in counted
            ]
        self._fetches = [together, *self._fetches[numbers:]]
        self._wanted = [*self._fetches, *counting]

    def values(self, feeds: Mapping[str, Array]) -> list[Array]:
        """The vector of numbers, and the graph's further outputs. Raises GraphError as `run` does."""
        return self.run(feeds, self._wanted)[: len(self._fetches)]


def _counted(observed: Observed) -> list[tuple[str, str]]:
    """Each node and the tensor whose values are counted for it."""
    counted = []
    for node, tensor in zip(observed.nodes, observed.tensors, strict=True):
        if tensor is None:
            raise CalibrationError(
                f"the range of {node!r} is not measured on one tensor, so that its values cannot be counted; "
                "calibrate with an algorithm that needs ranges only, such as order_statistic"
            )
        counted.append((node, tensor))
    return counted
