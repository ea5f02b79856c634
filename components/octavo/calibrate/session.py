"""A session that runs the graph that `observe` made."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from octavo.calibrate.observe import Observed
from octavo.errors import CalibrationError
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

    lows: list[Array]
    highs: list[Array]
    corrections: list[Array]


class ObservingSession(GraphSession):
    """A session of a graph that measures ranges.

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
        super().__init__(observed.graph, lean=True)
        self._ranges = len(observed.nodes)
        self._lock = threading.Lock()
        self.histograms: dict[str, Histogram] = {}
        counting = [self._counter(*pair) for pair in self._counted(observed)] if histograms else []
        self._without_corrections = [*self._fetches[: 2 * self._ranges], *counting]
        self._with_corrections = [*self._fetches, *counting]

    def measure(self, feeds: Mapping[str, Array], *, corrections: bool) -> Measured:
        """Run a batch. Raises GraphError as `run` does."""
        values = self.run(feeds, self._with_corrections if corrections else self._without_corrections)
        ends, vectors = values[: 2 * self._ranges], values[2 * self._ranges : len(self._fetches)]
        return Measured(ends[::2], ends[1::2], vectors if corrections else [])

    @staticmethod
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

    def _counter(self, node: str, tensor: str) -> Any:
        """An operation that counts a tensor's values whenever it runs."""
        tf = import_tensorflow()

        def count(values: Array) -> None:
            with suppress(CalibrationError):  # NaN and infinity: the range tells
                made = Histogram.of(values)
                with self._lock:
                    held = self.histograms.get(node)
                    self.histograms[node] = made if held is None else held + made

        graph = self._session.graph
        with graph.as_default():
            return tf.numpy_function(count, [graph.get_tensor_by_name(full_name(tensor))], [])
