"""Verdicts as a table for the terminal, and as plain lines for a pipe."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from octavo.documents.result import Counts
from octavo.explain.explain import Explanation, remarks


def lines(explanation: Explanation) -> Iterator[str]:
    """A line for each node, its remarks indented below it, and the counts."""
    for node in explanation.nodes:
        yield f"{node.verdict}  {node.name}  ({node.op})  {node.why()}"
        yield from (f"      {remark}" for remark in remarks(node))
    yield from _totals(explanation)


def table(explanation: Explanation) -> Table:
    """The same as a table; names are Texts, since they may look like markup."""
    made = Table(caption="\n".join(_totals(explanation)), caption_justify="left", caption_style="")
    for heading in ("", "node", "op", "why"):
        made.add_column(heading, overflow="fold")
    for node in explanation.nodes:
        style = "green" if node.verdict == "INT8" else "yellow"
        why = Text("\n".join([node.why(), *remarks(node)]))
        made.add_row(Text(node.verdict, style=style), Text(node.name), Text(node.op), why)
    return made


def _totals(explanation: Explanation) -> Iterator[str]:
    for op, counts in explanation.by_op.items():
        yield f"{op}: {_spelled(counts)}"
    yield f"all: {_spelled(explanation.counts)}"
    if not explanation.complete:
        yield "summary.json lists the FP32 nodes alone; quantize_graph's decisions.json lists all"


def _spelled(counts: Counts) -> str:
    return f"{counts.INT8} INT8, {counts.FP32} FP32"
