"""Turn a logged graph into one whose outputs are the numbers that its Print nodes would print, of the float arithmetic.

1. A Print gives way to its input; what it would print becomes outputs of the graph.
2. d = Dequantize(QuantizeV2(x), ...) gives way to x: ranges are taken from tensors that were not rounded on the way.
   Weights, a Dequantize of a Const, become float Consts (see float_weights.py).
3. r = RequantizationRange(QuantizeV2(x, Min(x), Max(x)) to qint32, MIN_FIRST) gives way to what it reports:
   r = Minimum(0, Min(x)) and r:1 = Max(x). Where x is a Relu's output, r = 0.
4. A bias correction of an op gives way to the mean of the op's data, of which it is made (see means.py).

What calibrating then adds to the float graph is a pass over each measured tensor for its largest value, one for its
smallest where that may be below zero, and one for the mean that a correction needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from octavo.calibrate.mean_errors import MeanError
from octavo.calibrate.means import with_means
from octavo.errors import CalibrationError
from octavo.graph.attr_proto import attr_bytes
from octavo.graph.attrs import DType
from octavo.graph.graph import Graph, Node, follow, rewire
from octavo.graph.names import fresh_name, output_index
from octavo.graph.tensors import const_node
from octavo.ranges.min_max_log import CORRECTION_MARK, logged_node

NOT_NEGATIVE = frozenset({"Relu", "Relu6"})
"""Ops whose output's smallest value need not be looked for."""


@dataclass(frozen=True)
class Observed:
    """A graph that measures ranges.

    Args:
        graph: its outputs are smallest and largest value in turn, for each of `nodes`, then each of `corrections`.
        nodes: the names that the log gives to the ranges.
        corrections: the names that the log gives to the bias corrections.
        errors: for each of `corrections` what makes it of its output; None where the output is the correction.
        tensors: for each of `nodes` the tensor that it is the range of; None where that is not a single one.
    """

    graph: Graph
    nodes: tuple[str, ...]
    corrections: tuple[str, ...] = ()
    errors: tuple[MeanError | None, ...] = ()
    tensors: tuple[str | None, ...] = ()


def observe(graph: Graph) -> Observed:
    """Make the graph that calibration runs of a dynamic-range graph with Print nodes inserted.

    Raises:
        CalibrationError: when the graph prints no range, or a Print does not have a smallest and a largest value.
    """
    ranges = dict(_printed_ranges(graph))
    if not ranges:
        raise CalibrationError(
            "the graph prints no range; wanted one that transform_graph's insert_logging(op=RequantizationRange, "
            'show_name=true, message="__requant_min_max:") has made from a dynamic-range graph'
        )
    corrections = dict(_printed_corrections(graph))
    printed = tuple(tensor for pair in ranges.values() for tensor in pair)
    measured = {node.name: found for node in graph.nodes.values() if (found := _measured_ends(graph, node))}
    zero = const_node(fresh_name("zero", graph.nodes), np.float32(0))
    lowest = {name: _at_most_zero(graph, name, ends.low, zero.name) for name, ends in measured.items()}
    renames = {
        **{node.name: node.data_inputs[0] for node in graph.nodes.values() if node.op == "Print"},
        **dict(_float_activations(graph)),
        **dict(_equal_constants(graph)),
        **{name: (node or zero).name for name, node in lowest.items()},
        **{f"{name}:1": ends.high for name, ends in measured.items()},
    }
    nodes = rewire([*graph.nodes.values(), zero, *filter(None, lowest.values())], renames)
    outputs = [follow(tensor, renames) for tensor in (*printed, *corrections.values())]
    floats = replace(graph, outputs=tuple(outputs)).with_nodes(nodes).without_dead_nodes()
    cheap, errors = with_means(floats, outputs[len(printed) :])
    sources = [measured.get(low) for low, _ in ranges.values()]
    tensors = tuple(None if source is None else follow(source.tensor, renames) for source in sources)
    return Observed(cheap, tuple(ranges), tuple(corrections), errors, tensors)


def _printed_ranges(graph: Graph) -> Iterator[tuple[str, tuple[str, str]]]:
    """What the log calls a range, and its two tensors, for every Print of one."""
    for node in graph.nodes.values():
        name = logged_node(node.text("message")) if node.op == "Print" else None
        if name is None:
            continue
        printed = node.data_inputs[1:]
        if len(printed) != 2:
            raise CalibrationError(
                f"the Print {node.name!r} prints {len(printed)} tensors; wanted the smallest and the largest value"
            )
        yield name, (printed[0], printed[1])


def _printed_corrections(graph: Graph) -> Iterator[tuple[str, str]]:
    """What the log calls a bias correction, and its tensor, for every Print of one."""
    for node in graph.nodes.values():
        if node.op == "Print" and (name := logged_node(node.text("message"), CORRECTION_MARK)):
            yield name, node.data_inputs[1]


def _float_activations(graph: Graph) -> Iterator[tuple[str, str]]:
    """Every Dequantize of a QuantizeV2 of a tensor that is no Const, and that tensor."""
    for node in graph.nodes.values():
        if node.op != "Dequantize" or output_index(node.inputs[0]) != 0:
            continue
        codes = graph.producer(node.inputs[0])
        if codes.op == "QuantizeV2" and graph.producer(codes.inputs[0]).op != "Const":
            yield node.name, codes.inputs[0]


def _equal_constants(graph: Graph) -> Iterator[tuple[str, str]]:
    """Every Const of whole numbers, such as axes, that equals one before it, and that one: fewer nodes load sooner."""
    first: dict[bytes, str] = {}
    for node in graph.nodes.values():
        if node.op == "Const" and not node.inputs and node.dtype("dtype") == "int32":
            stays = first.setdefault(attr_bytes(node.tensor("value")), node.name)
            if stays != node.name:
                yield node.name, stays


class _Ends(NamedTuple):
    """A tensor, and the ones that hold its smallest and its largest value."""

    tensor: str
    low: str
    high: str


def _measured_ends(graph: Graph, node: Node) -> _Ends | None:
    """What a RequantizationRange reports, where that is just a Min and a Max; None where it does more."""
    if node.op != "RequantizationRange" or output_index(node.inputs[0]) != 0:
        return None
    wide = graph.producer(node.inputs[0])
    if wide.op != "QuantizeV2" or node.data_inputs != (wide.name, f"{wide.name}:1", f"{wide.name}:2"):
        return None
    if wide.dtype("T") != "qint32" or wide.text("mode") != "MIN_FIRST":
        return None
    tensor, low, high = wide.data_inputs
    of_all = _measures(graph, low, "Min", tensor) and _measures(graph, high, "Max", tensor)
    return _Ends(tensor, low, high) if of_all else None


def _measures(graph: Graph, value: str, op: str, tensor: str) -> bool:
    """Whether `value` is Min or Max of the tensor, or of the tensor made flat."""
    measure = graph.producer(value)
    if measure.op != op:
        return False
    flat = graph.producer(measure.inputs[0])
    return tensor in (measure.inputs[0], flat.inputs[0] if flat.op == "Reshape" else None)


def _at_most_zero(graph: Graph, name: str, low: str, zero: str) -> Node | None:
    """Minimum(0, low); None where `low` is the Min of what cannot be negative, so that it is zero."""
    tensor = graph.producer(low).data_inputs[0]
    if (flat := graph.producer(tensor)).op == "Reshape":
        tensor = flat.data_inputs[0]
    if graph.producer(tensor).op in NOT_NEGATIVE:
        return None
    return Node(f"{name}/observed_min", "Minimum", (zero, low), {"T": DType("float32")})
