"""A session that runs the graph that `observe` made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np

from octavo.calibrate.observe import Observed
from octavo.errors import CalibrationError
from octavo.graph.histogram import Histogram
from octavo.graph.tensors import Array
from octavo.runtime.session import GraphSession, full_name
from octavo.runtime.tensorflow import import_tensorflow

_Run = Callable[[Mapping[str, Array]], list[Array]]


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
        counted = _counted(observed) if histograms else []
        super().__init__(observed.graph, optimizer="fusion", in_caller=True)
        self.histograms: dict[str, Histogram] = {}
        self._lock = threading.Lock()
        self._runs: dict[bool, _Run] = {}
        self._corrections = observed.errors
        ends = self._fetches[: 2 * len(observed.nodes)]
        self._means = self._fetches[len(ends) :]
        tf = import_tensorflow()
        loaded = self._session.graph
        with loaded.as_default():
            # one vector, since each tensor that is fetched takes time
            self._ends = tf.stack([each if each.shape.rank == 0 else tf.reshape(each, []) for each in ends])
            self._counting = [
                tf.numpy_function(partial(self._add, name), [loaded.get_tensor_by_name(full_name(tensor))], [])
                for name, tensor in counted
            ]

    def measure(self, feeds: Mapping[str, Array], *, corrections: bool) -> Measured:
        """Run a batch. Raises GraphError as `run` does."""
        wanted = 1 + (len(self._means) if corrections else 0)
        ends, *means = self._run_of(tuple(feeds), corrections)(feeds)[:wanted]
        made = [error.of(mean) if error else mean for error, mean in zip(self._corrections, means, strict=False)]
        return Measured(ends[::2], ends[1::2], made)

    def _run_of(self, feeds: tuple[str, ...], corrections: bool) -> _Run:
        """What runs the graph on these feeds; made once, since making it takes as long as some batches."""
        with self._lock:
            if corrections not in self._runs:
                means = self._means if corrections else []
                self._runs[corrections] = self.prepared([self._ends, *means, *self._counting], feeds)
            return self._runs[corrections]

    def _add(self, node: str, values: Array) -> None:
        with suppress(CalibrationError):  # NaN and infinity: the range tells
            made = Histogram.of(values)
            with self._lock:
                held = self.histograms.get(node)
                self.histograms[node] = made if held is None else held + made


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
