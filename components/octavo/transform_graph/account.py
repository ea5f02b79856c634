"""What a transform list did, counted in the graphs before and after each transform."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from octavo.graph import Graph, Node
from octavo.notes import counted
from octavo.transform_graph.folding import FUSED_NORMS, OLD_NORM
from octavo.transform_graph.transforms.freeze_requantization_ranges import RANGE_OPS

KERNELS = ("Quantized", "_Quantized", "_FusedQuantized")
"""What the types of ops that compute on INT8 codes begin with; QuantizeV2, Requantize and Dequantize only convert."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What some transforms do to nodes of a kind.

    Args:
        transforms: their names.
        verb: what they do.
        noun: to what.
        is_one: whether a node is of the kind.
        adds: whether they make such nodes; else they take them away.
    """

    transforms: frozenset[str]
    verb: str
    noun: str
    is_one: Callable[[Node], bool]
    adds: bool = False

    def done(self, before: Graph, after: Graph) -> int:
        """To how many nodes a transform did it, of those that the graph's outputs need."""
        change = self._count(after) - self._count(before)
        return change if self.adds else -change

    def _count(self, graph: Graph) -> int:
        names = graph.needed_by(graph.outputs) if graph.outputs else graph.nodes
        return sum(self.is_one(graph.nodes[name]) for name in names)


DEEDS = (
    Deed(
        frozenset({"fold_batch_norms", "fold_old_batch_norms"}),
        "folded",
        "batch norm",
        lambda node: node.op in FUSED_NORMS or node.op == OLD_NORM,
    ),
    Deed(frozenset({"insert_logging"}), "logging", "node", lambda node: node.op == "Print", adds=True),
    Deed(frozenset({"freeze_requantization_ranges"}), "froze", "range", lambda node: node.op in RANGE_OPS),
    Deed(
        frozenset({"fuse_quantized_conv_and_requantize", "fuse_quantized_matmul_and_requantize"}),
        "made",
        "INT8 kernel",
        lambda node: node.op.startswith(KERNELS),
        adds=True,
    ),
)


class Account:
    """Counts what a list does while it is applied."""

    def __init__(self) -> None:
        self._done: Counter[Deed] = Counter()

    def add(self, transform: str, before: Graph, after: Graph) -> None:
        """A transform has been applied."""
        for deed in DEEDS:
            if transform in deed.transforms:
                self._done[deed] += deed.done(before, after)

    def line(self, transforms: int, before: Graph, after: Graph) -> str:
        """What was done, in one line."""
        deeds = [f"{deed.verb} {counted(count, deed.noun)}" for deed, count in self._done.items() if count > 0]
        nodes = f"{counted(transforms, 'transform')}: {counted(len(before.nodes), 'node')} became {len(after.nodes):,}"
        return "; ".join([nodes, *deeds])
