"""FakeQuant nodes: the ranges that a network was trained with, which need not be measured.

FakeQuantWithMinMaxVars(x, min, max), FakeQuantWithMinMaxArgs(x; min, max): x cut to a range and rounded to its 256
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from octavo.generic_eightbit.codes import Range, fault_of, nudged
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.op_defs import attr_value
from octavo.graph.tensors import const_value
from octavo.int8.chain import const_behind


@dataclass(frozen=True, slots=True)
class Ends:
    """A FakeQuant's range: its numbers where they are known beforehand, else the tensors that hold them."""

    known: Range | None
    tensors: tuple[str, str] | None = None


def fault(graph: Graph, node: Node) -> str | None:
    """The reason why an eight-bit tensor cannot stand for a FakeQuant's output, or None."""
    bits = int(attr_value(node, "num_bits").i)
    if bits != 8:
        return f"it has {bits} bits; the eight-bit ops have 8"
    if attr_value(node, "narrow_range").b:
        return "its range is narrow: code 0 is not used, as the eight-bit ops use it"
    source = graph.nodes[producer_name(node.data_inputs[0])]
    if source.op == "Const" and (reason := fault_of(const_value(source))):
        return f"of its input {source.name!r}: {reason}"
    known = _limits(graph, node)
    if known is not None and not known[0] < known[1]:
        return f"its range is {known[0]:g} to {known[1]:g}; wanted min < max"
    return None


def ends(graph: Graph, node: Node) -> Ends:
    """The range of a FakeQuant without a fault; one that is known has zero on its grid."""
    known = _limits(graph, node)
    return Ends(nudged(*known)) if known else Ends(None, (node.data_inputs[1], node.data_inputs[2]))


def _limits(graph: Graph, node: Node) -> tuple[float, float] | None:
    """The range as the node says it; None when it is computed."""
    if node.op == "FakeQuantWithMinMaxArgs":
        return float(attr_value(node, "min").f), float(attr_value(node, "max").f)
    consts = [const_behind(graph, tensor) for tensor in node.data_inputs[1:3]]
    low, high = (None if const is None else float(const_value(const)) for const in consts)
    return None if low is None or high is None else (low, high)
