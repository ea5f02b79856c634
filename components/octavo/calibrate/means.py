"""Let an observed graph measure the means of which its bias corrections are made (see mean_errors.py).

Its weights become those before rounding, so that what runs behind them is the float model; and the mean of what a Pad
fills up with zeros is taken in front of the Pad, which TensorFlow can then fuse with the conv behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from octavo.calibrate.float_weights import measured_op, with_float_weights
from octavo.calibrate.mean_errors import OPS, MeanError
from octavo.graph.graph import Graph, Node
from octavo.graph.op_defs import with_default_attrs
from octavo.graph.tensors import Array, const_value


def with_means(graph: Graph, corrections: Sequence[str]) -> tuple[Graph, tuple[MeanError | None, ...]]:
    """The graph with means in the place of its last outputs, the bias corrections.

    Args:
        graph: the graph.
        corrections: its last outputs.

    Returns:
        The graph, and for each correction what makes it of its mean; None where the output is still the correction.
    """
    errors = tuple(_mean_error(graph, correction) for correction in corrections)
    measured = [error.data if error else correction for error, correction in zip(errors, corrections, strict=True)]
    floats = with_float_weights(graph, corrections)
    outputs = (*graph.outputs[: len(graph.outputs) - len(corrections)], *measured)
    return replace(floats, outputs=outputs).with_nodes(_unpadded(floats, errors)).without_dead_nodes(), errors


def _mean_error(graph: Graph, correction: str) -> MeanError | None:
    op = measured_op(graph, correction)
    if op is None or op.op not in OPS:
        return None
    data, error = op.data_inputs
    padding = _padding(graph, graph.producer(data))
    return MeanError(with_default_attrs(op), data, const_value(graph.nodes[error]), padding)


def _padding(graph: Graph, mean: Node) -> Array | None:
    """The zeros that a mean over the batch finds around its data, int [rank, 2]; None where it finds none."""
    if mean.op != "Mean":
        return None
    pad, axes = (graph.producer(tensor) for tensor in mean.data_inputs)
    if pad.op != "Pad" or any(node.op != "Const" for node in (axes, graph.producer(pad.data_inputs[1]))):
        return None
    padding = const_value(graph.producer(pad.data_inputs[1]))
    return padding if const_value(axes).tolist() == [0] and not padding[0].any() else None


def _unpadded(graph: Graph, errors: Iterable[MeanError | None]) -> Iterator[Node]:
    """The nodes, with the means in front of the Pads."""
    padded = {error.data for error in errors if error and error.padding is not None}
    for node in graph.nodes.values():
        if node.name not in padded:
            yield node
            continue
        tensor, axes = node.data_inputs
        yield replace(node, inputs=(graph.producer(tensor).data_inputs[0], axes, *node.control_inputs))
