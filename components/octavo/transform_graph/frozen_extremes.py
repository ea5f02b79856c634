"""One extreme of a tensor, as batches were logged to have it, in the place of the op that measures it.

    ;conv1_eightbit_max_relu__print__;__max:[5.25]

Records may stand anywhere in a line, several in one too, as in the log of ranges.
"""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from octavo.errors import CalibrationError, SpecError
from octavo.graph import Graph, const_node
from octavo.graph.min_max_log import as_float32
from octavo.graph.workspace import Edit, Workspace
from octavo.transform_graph.transforms.freeze_requantization_ranges import frozen_range


def freeze_extremes(graph: Graph, op: str, log: str, *, min_percentile: float, max_percentile: float) -> Graph:
    """Put logged extremes into a graph: each Max or Min that a log names becomes a Const, N/frozen_max_only.

    Args:
        graph: the dynamic-range graph.
        op: "Max" or "Min".
        log: the log that the graph with logging wrote.
        min_percentile: how much of the batches' smallest values lies below the constant, in percent.
        max_percentile: how much of the batches' largest values lies above it, in percent.

    Raises:
        CalibrationError: when the log holds no record of this kind, holds NaN or infinity, or names a node that is not
            in the graph or of another type.
        SpecError: when a percentile is not within 0..100.
    """
    for name, percent in (("min_percentile", min_percentile), ("max_percentile", max_percentile)):
        if not 0 <= percent <= 100:
            raise SpecError(f"{name} is {percent:g}; wanted 0 to 100")
    mark = f"__{op.lower()}:"
    records = _read_file(log, mark)
    space = Workspace(graph)
    for name, values in records.items():
        _check(graph, name, op)
        pairs = [(value, value) for value in values]
        low, high = frozen_range(pairs, min_percentile, max_percentile)
        const = const_node(f"{name}/frozen_{op.lower()}_only", high if op == "Max" else low)
        space.apply(Edit(frozenset({name}), (const,), {name: const.name}))
    return space.graph()


def read_extremes(lines: Iterable[str], mark: str) -> dict[str, list[float]]:
    """Node -> the values of its records; what is no record, or cannot be read as a number, is passed over.

    Args:
        lines: the log.
        mark: "__max:" or "__min:".

    Raises:
        CalibrationError: when values are NaN or infinite, naming the nodes and how often.
    """
    record = re.compile(rf";([^;\[\]\s]+)__print__;{mark}\[([^;\[\]\s]+)\](?!\[)")
    found: dict[str, list[float]] = {}
    refused: Counter[str] = Counter()
    for line in lines:
        for name, text in record.findall(line):
            value = _number(text)
            if value is None:
                continue
            if math.isfinite(value):
                found.setdefault(name, []).append(value)
            else:
                refused[name] += 1
    if refused:
        counted = ", ".join(f"{name!r} ({count} times)" for name, count in sorted(refused.items())[:5])
        raise CalibrationError(f"the min/max log holds NaN or infinity for {len(refused)} nodes: {counted}")
    return found


def _number(text: str) -> float | None:
    try:
        return as_float32(text.split("(", 1)[0])
    except ValueError:
        return None


def _read_file(path: str, mark: str) -> dict[str, list[float]]:
    try:
        with Path(path).expanduser().open(encoding="utf-8", errors="replace") as lines:
            records = read_extremes(lines, mark)
    except OSError as fault:
        raise CalibrationError(f"the min/max log {path!r} cannot be read: {fault.strerror}") from fault
    if not records:
        raise CalibrationError(
            f"the min/max log {path!r} holds no record like ;NODE__print__;{mark}[value]; wanted the output of "
            f'a graph with insert_logging(op={mark.strip("_:").title()}, show_name=true, message="{mark}")'
        )
    return records


def _check(graph: Graph, name: str, op: str) -> None:
    if name not in graph.nodes:
        near = difflib.get_close_matches(name, [node.name for node in graph.nodes.values() if node.op == op])
        hint = f"; near names: {', '.join(near)}" if near else ""
        raise CalibrationError(f"the min/max log names {name!r}, which is no node of the graph{hint}")
    if graph.nodes[name].op != op:
        raise CalibrationError(f"the min/max log names {name!r}, which is a {graph.nodes[name].op}; wanted a {op}")
