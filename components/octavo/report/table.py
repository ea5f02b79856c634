"""The figures as a table for the terminal."""

from __future__ import annotations

from collections import Counter

from rich.table import Table
from rich.text import Text

from octavo.documents.result import Accuracy, Result
from octavo.report.wording import file_size, percent, points, size_change, verdict, verdict_reason

MOST_NODES = 5
"""FP32 nodes that are listed with their reasons; the report lists all."""


def table(result: Result) -> Table:
    """Accuracy, size, speed and what stayed FP32."""
    made = Table(title=verdict(result), title_justify="left", title_style="bold")
    made.caption, made.caption_justify = _reasons(result), "left"
    for heading in ("", "FP32", "INT8", "INT8 against FP32"):
        made.add_column(heading, justify="right" if heading in {"FP32", "INT8"} else "left")
    _add_accuracy(made, result)
    sizes = result.bytes
    made.add_row("file size", file_size(sizes.fp32), file_size(sizes.int8), size_change(sizes.fp32, sizes.int8))
    for batch, rates in result.images_per_second.items():
        change = f"{rates.ratio:.2f}x the speed"
        made.add_row(f"images/s, batch {batch}", f"{rates.fp32:,.0f}", f"{rates.int8:,.0f}", change)
    made.add_section()
    made.add_row("nodes in INT8", "", str(result.quantized.INT8), "")
    made.add_row("stayed FP32", str(result.quantized.FP32), "", _by_op(result))
    if result.other_fp32_ops:
        others = ", ".join(f"{count} {op}" for op, count in result.other_fp32_ops.items())
        made.add_row("no INT8 form", str(sum(result.other_fp32_ops.values())), "", others)
    return made


def _add_accuracy(made: Table, result: Result) -> None:
    if result.top1 is None:
        made.add_row("top-1", "-", "-", "not measured: no validation data")
        return
    flips = f"{points(result.top1.difference)}, {result.top1.flips:,} answers differ"
    _add_measure(made, "top-1", result.top1, flips)
    if result.top5 is not None:
        _add_measure(made, "top-5", result.top5, points(result.top5.difference))


def _add_measure(made: Table, name: str, accuracy: Accuracy, change: str) -> None:
    made.add_row(name, percent(accuracy.fp32), percent(accuracy.int8), change)


def _by_op(result: Result) -> str:
    found = Counter(node.op for node in result.fp32_nodes)
    return ", ".join(f"{count} {op}" for op, count in found.most_common())


def _reasons(result: Result) -> Text | None:
    """A line for each of the first FP32 nodes and for what is missing; a Text, since a name may look like markup."""
    nodes = result.fp32_nodes
    lines = [verdict_reason(result)] if result.top1 is not None and result.top1.at_chance else []
    lines += result.missing
    lines += [f"stayed FP32: {node.op} {node.name}: {node.reason}" for node in nodes[:MOST_NODES]]
    if len(nodes) > MOST_NODES:
        lines.append(f"... and {len(nodes) - MOST_NODES} more: see the report")
    return Text("\n".join(lines)) if lines else None
