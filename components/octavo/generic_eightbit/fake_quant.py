"""FakeQuant nodes: the ranges that a network was trained with, which need not be measured.

FakeQuantWithMinMaxVars(x, min, max), FakeQuantWithMinMaxArgs(x; min, max): x cut to a range and rounded to its 256
numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from octavo.generic_eightbit.codes import Range, check_input, nudged
from octavo.graph.graph import Graph, Node
from octavo.graph.tensors import const_value
from octavo.int8.chain import const_behind
from octavo.int8.checks import no_kernel


@dataclass(frozen=True, slots=True)
class Ends:
    """A FakeQuant's range: its numbers where they are known beforehand, else the tensors that hold them."""

    known: Range | None
    tensors: tuple[str, str] | None = None


def check(graph: Graph, node: Node) -> None:
    """Confirm that an eight-bit tensor can stand for a FakeQuant's output.

    Raises:
        Miss: when it cannot.
    """
    bits = node.integer("num_bits")
    if bits != 8:
        raise no_kernel(node, f"it has {bits} bits; the eight-bit ops have 8", "train with FakeQuants of 8 bits")
    if node.flag("narrow_range"):
        reason = "its range is narrow: code 0 is not used, as the eight-bit ops use it"
        raise no_kernel(node, reason, "train with FakeQuants whose narrow_range is false")
    check_input(graph, node, node.data_inputs[0])
    known = _limits(graph, node)
    if known is not None and not known[0] < known[1]:
        reason = f"its range is {known[0]:g} to {known[1]:g}; wanted min < max"
        raise no_kernel(node, reason, "repair the FakeQuant's range in the model")


def ends(graph: Graph, node: Node) -> Ends:
    """The range of a FakeQuant without a fault; one that is known has zero on its grid."""
    known = _limits(graph, node)
    return Ends(nudged(*known)) if known else Ends(None, (node.data_inputs[1], node.data_inputs[2]))


def _limits(graph: Graph, node: Node) -> tuple[float, float] | None:
    """The range as the node says it; None when it is computed."""
    if node.op == "FakeQuantWithMinMaxArgs":
        return node.number("min"), node.number("max")
    consts = [const_behind(graph, tensor) for tensor in node.data_inputs[1:3]]
    low, high = (None if const is None else float(const_value(const)) for const in consts)
    return None if low is None or high is None else (low, high)
