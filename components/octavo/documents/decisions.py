"""What became of each op that could be INT8, and why, as decisions.json holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from octavo import __version__
from octavo.documents.document import Document
from octavo.graph.graph import Node
from octavo.graph.miss import Kind, Miss

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
        left = f"; left in float: {self.stopped}" if self.stopped else ""
        return f"{self.verdict}  {self.name}  ({self.op})  {self.why()}{left}"

    def why(self) -> str:
        """What the kernel took in, or why there is none."""
        if self.verdict == "INT8":
            return self.rule or ""
        return f"{self.kind}: {self.reason}" if self.kind else self.reason or ""


def stays_fp32(node: Node, miss: Miss) -> Decision:
    """The verdict on a node that a Miss keeps FP32."""
    return Decision(node.name, node.op, "FP32", kind=miss.kind, reason=miss.reason, at=miss.at, way_out=miss.way_out)


class Decisions(Document):
    """All decisions about a graph.

    Attributes:
        nodes: a decision for each op that could be INT8, in execution order.
        recipe: what was asked for.
        octavo: the version that decided.
    """

    STEP = "quantize_graph"

    nodes: tuple[Decision, ...]
    recipe: dict[str, Any]
    octavo: str = __version__
