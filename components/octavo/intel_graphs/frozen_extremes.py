"""One extreme of a tensor, as batches were logged to have it, in the place of the op that measures it.

    ;conv1_eightbit_max_relu__print__;__max:[5.25]

Records may stand anywhere in a line, several in one too, as in the log of ranges.
"""

from __future__ import annotations

import difflib

import numpy as np

from octavo.errors import CalibrationError, SpecError
from octavo.graph import Graph, const_node
from octavo.graph.workspace import Edit, Workspace
from octavo.ranges.extremes import order_statistics
from octavo.ranges.min_max_log import describe_skipped, read_log_file


def freeze_extremes(graph: Graph, op: str, log: str, *, min_percentile: float, max_percentile: float) -> Graph:
    """Put logged extremes into a graph: each Max or Min that a log names becomes a Const, N/frozen_max_only.

    Args:
        graph: the dynamic-range graph.
        op: "Max" or "Min".
        log: the log that the graph with logging wrote.
        min_percentile: how much of the batches' smallest values lies below the constant, in percent.
        max_percentile: how much of the batches' largest values lies above it, in percent.

    Raises:
        CalibrationError: when the log cannot be read, is cut off, holds no record of this kind, holds NaN or infinity,
            or names a node that is not in the graph or of another type.
        SpecError: when a percentile is not within 0..100.
    """
    for name, percent in (("min_percentile", min_percentile), ("max_percentile", max_percentile)):
        if not 0 <= percent <= 100:
            raise SpecError(f"{name} is {percent}; wanted 0 to 100")
    mark = f"__{op.lower()}:"
    records = _read_file(log, mark)
    space = Workspace(graph)
    for name, values in records.items():
        _check(graph, name, op)
        seen = np.asarray(values, np.float32)
        low, high = order_statistics(seen, seen, min_percentile, max_percentile)
        const = const_node(f"{name}/frozen_{op.lower()}_only", np.float32(high if op == "Max" else low))
        space.apply(Edit(frozenset({name}), (const,), {name: const.name}))
    return space.graph()


def _read_file(path: str, mark: str) -> dict[str, list[float]]:
    """Node -> the values of its records, ascending."""
    log = read_log_file(path)
    if mark not in log.singles:
        skipped = f"; lines skipped: {describe_skipped(log.skipped)}" if log.skipped else ""
        raise CalibrationError(
            f"the min/max log {path!r} holds no record like ;NODE__print__;{mark}[value]{skipped}; wanted the output "
            f'of a graph with insert_logging(op={mark.strip("_:").title()}, show_name=true, message="{mark}")'
        )
    return dict(log.singles[mark])


def _check(graph: Graph, name: str, op: str) -> None:
    if name not in graph.nodes:
        near = difflib.get_close_matches(name, [node.name for node in graph.nodes.values() if node.op == op])
        hint = f"; near names: {', '.join(near)}" if near else ""
        raise CalibrationError(f"the min/max log names {name!r}, which is no node of the graph{hint}")
    if graph.nodes[name].op != op:
        raise CalibrationError(f"the min/max log names {name!r}, which is a {graph.nodes[name].op}; wanted a {op}")
