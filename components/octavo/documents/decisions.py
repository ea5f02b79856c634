"""What became of each op that could be INT8, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from octavo import __version__
from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Kind, Miss
from octavo.int8.chain import ANCHORS
from octavo.notes import counted
from octavo.recipe import Recipe

WHILES = frozenset({"While", "StatelessWhile"})
"""The ops that run functions in a loop."""

Verdict = Literal["INT8", "FP32"]


@dataclass(frozen=True, slots=True)
class Decision:
    """One op's verdict.

    Attributes:
        name: the node.
        op: its type in the float graph.
        verdict: "INT8" or "FP32".
        rule: what took it in, e.g. "conv"; None for FP32.
        kind: why it stayed FP32: "missed" (a pattern that stopped short), "excluded" (by the recipe), "no kernel".
        reason: one sentence; None for INT8.
        at: the node or tensor where it stopped.
        stopped: of an INT8 op, why an activation or add behind it was left in float; None when none was.
        note: what else is worth knowing, e.g. a field of the recipe that does not hold for it.
        way_out: what would make it INT8; None where it is, or where nothing known would.
    """

    name: str
    op: str
    verdict: Verdict
    rule: str | None = None
    kind: Kind | None = None
    reason: str | None = None
    at: str | None = None
    stopped: str | None = None
    note: str | None = None
    way_out: str | None = None

    def line(self) -> str:
        """The verdict as one line of text."""
        why = self.rule if self.verdict == "INT8" else f"{self.kind}: {self.reason}"
        if self.stopped:
            why = f"{why}; left in float: {self.stopped}"
        return f"{self.verdict}  {self.name}  ({self.op})  {why}"


def stays_fp32(node: Node, miss: Miss) -> Decision:
    """The verdict on a node that a Miss keeps FP32."""
    return Decision(node.name, node.op, "FP32", kind=miss.kind, reason=miss.reason, at=miss.at, way_out=miss.way_out)


def in_functions(graph: Graph) -> list[Decision]:
    """The verdicts on ops inside the function library: bodies of loops, conditionals and calls run as they are."""
    functions = () if graph.library is None else graph.library.function
    loops = _run_by_loops(graph)
    return [
        in_function(function.signature.name, node, in_loop=function.signature.name in loops)
        for function in functions
        for node in function.node_def
        if node.op in ANCHORS
    ]


def in_function(function: str, node: Any, *, in_loop: bool = False) -> Decision:
    """The verdict on a NodeDef inside a function of the library."""
    where = f"it is inside the function {function!r}{', the body of a loop' if in_loop else ''}"
    reason = f"{where}; only the main graph is quantized"
    inlined = "inline the function before quantizing: freeze_graph does so where it can"
    miss = Miss(reason, at=function, way_out="unroll the loop before quantizing" if in_loop else inlined)
    return stays_fp32(Node(f"{function}/{node.name}", node.op), miss)


def _run_by_loops(graph: Graph) -> frozenset[str]:
    """The names of the functions that loops run in each turn."""
    functions = () if graph.library is None else graph.library.function
    loops = [node.attrs for node in graph.nodes.values() if node.op in WHILES]
    loops += [node.attr for function in functions for node in function.node_def if node.op in WHILES]
    return frozenset(attrs[part].func.name for attrs in loops for part in ("body", "cond"))


def in_short(decisions: Sequence[Decision]) -> str:
    """How many of the ops that could be INT8 are, in one line."""
    left = sum(each.verdict == "FP32" for each in decisions)
    stay = f"{left:,} {'stays' if left == 1 else 'stay'} FP32" if left else "none stays FP32"
    return f"quantized {len(decisions) - left:,} of {counted(len(decisions), 'op')} that could be INT8; {stay}"


def document(decisions: list[Decision], recipe: Recipe) -> dict[str, Any]:
    """The JSON document of all decisions."""
    return {
        "octavo": __version__,
        "recipe": recipe.model_dump(mode="json"),
        "nodes": [asdict(decision) for decision in decisions],
    }
