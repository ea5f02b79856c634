"""A session that runs the graph that `observe` made."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import numpy as np

from octavo.calibrate.observe import Observed
from octavo.calibrate.on_demand import DEMAND, on_demand
from octavo.errors import CalibrationError
from octavo.graph.tensors import Array
from octavo.ranges.histogram import Histogram
from octavo.runtime.session import GraphSession, full_name
from octavo.tensorflow import import_tensorflow


@dataclass(frozen=True, slots=True)
class Measured:
    """What one run measured.

    Attributes:
        lows: float32 [nodes].
        highs: float32 [nodes].
        corrections: float32 [channels of all bias corrections, one behind the other]; empty where they were left out.
    """

    lows: Array
    highs: Array
    corrections: Array


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
        np.average([part.corrections for part in parts], axis=0, weights=sizes).astype(np.float32),
    )


class ObservingSession(GraphSession):
    """A session of a graph that measures ranges.

    Args:
        observed: the graph.
        histograms: count the values of the measured tensors as well.

    Attributes:
        histograms: node -> how often its values occurred, over all runs.
        channels: how many each bias correction has, in order; known once a run has measured them.

    Raises:
        CalibrationError: when values are to be counted of a range that is not measured on one tensor.
        GraphError: when TensorFlow cannot load the graph.
    """

    def __init__(self, observed: Observed, *, histograms: bool = False) -> None:
        counted = _counted(observed) if histograms else []
        self._ends = ends = 2 * len(observed.nodes)
        graph = on_demand(observed.graph, observed.graph.outputs[:ends], observed.graph.outputs[ends:])
        super().__init__(graph, optimizer="fusion", in_caller=True)
        self.histograms: dict[str, Histogram] = {}
        self.channels: list[int] = []
        self._counting = threading.Lock()
        self._mean_errors = observed.errors
        tf = import_tensorflow()
        loaded = self._session.graph
        with loaded.as_default():
            # one vector, since each tensor that is fetched takes time
            scalars = [end if end.shape.rank == 0 else tf.reshape(end, []) for end in self._fetches[:ends]]
            asked = loaded.get_tensor_by_name(full_name(DEMAND))
            otherwise, nothing = tf.raw_ops.Switch(data=tf.zeros([0]), pred=asked)
            corrections = tf.numpy_function(self._corrected, [nothing, *self._fetches[ends:]], tf.float32)
            counting = [
                tf.numpy_function(partial(self._add, name), [loaded.get_tensor_by_name(full_name(tensor))], [])
                for name, tensor in counted
            ]
            merged = tf.raw_ops.Merge(inputs=[otherwise, corrections]).output
            self._wanted = [tf.concat([tf.raw_ops.Pack(values=scalars), merged], axis=0), *counting]

    def measure(self, feeds: Mapping[str, Array], *, corrections: bool) -> Measured:
        """Run a batch. Raises GraphError as `run` does."""
        measured, *_ = self.run({**feeds, DEMAND: np.asarray(corrections)}, self._wanted)
        return Measured(measured[: self._ends : 2], measured[1 : self._ends : 2], measured[self._ends :])

    def _corrected(self, nothing: Array, *means: Array) -> Array:
        """The bias corrections, one behind the other, of what the graph measured for them."""
        made = [error.of(mean) if error else mean for error, mean in zip(self._mean_errors, means, strict=True)]
        self.channels = [len(correction) for correction in made]
        return np.concatenate([nothing, *made])

    def _add(self, node: str, values: Array) -> None:
        with suppress(CalibrationError):  # NaN and infinity: the range tells
            made = Histogram.of(values)
            with self._counting:
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
