"""Put calibrated ranges into the graph: each RequantizationRange in a min/max log becomes two constants.

    freeze_requantization_ranges(min_max_log_file="min_max_log.txt")

With a log of one record, `;r__print__;__requant_min_max:[-1.5][6]`:

Before:
    q = Placeholder() dtype=qint32
    lo = Placeholder()
    hi = Placeholder()
    r = RequantizationRange(q, lo, hi)
    y = Sub(r:1, r)
After:
    q = Placeholder() dtype=qint32
    lo = Placeholder()
    hi = Placeholder()
    r/frozen_min = Const() value=float32<>[-1.5]
    r/frozen_max = Const() value=float32<>[6]
    y = Sub(r/frozen_max, r/frozen_min)

The constants are order statistics of the batches' extremes: of n smallest values in ascending order the one at
round(n * min_percentile / 100), of n largest ones that at round(n * (1 - max_percentile / 100)), both in float32 and
rounded half away from zero. With 5 and 5 that is the smallest for n < 10, and the largest for n < 31. Nodes that the
log does not name stay as they are. Unlike in the original, min_percentile=100 takes the last value rather than reading
beyond it, all records of a line count rather than its last, NaN or infinity in the log is an error, and what only a
frozen node read goes with it.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence

import numpy as np

from octavo.errors import CalibrationError, SpecError
from octavo.graph import Graph, const_node
from octavo.graph.min_max_log import read_log_file
from octavo.graph.workspace import Edit, Workspace

RANGE_OPS = frozenset({"RequantizationRange", "RequantizationRangePerChannel"})


def freeze_requantization_ranges(
    graph: Graph, *, min_max_log_file: str, min_percentile: float = 5.0, max_percentile: float = 5.0
) -> Graph:
    """Put calibrated ranges into the graph.

    Args:
        graph: the dynamic-range graph.
        min_max_log_file: the log that the graph with logging wrote.
        min_percentile: how much of the batches' smallest values lies below the range, in percent.
        max_percentile: how much of the batches' largest values lies above it, in percent.

    Raises:
        CalibrationError: when the log holds no record, holds NaN or infinity, or names a node that is not in the
            graph or is no RequantizationRange.
        SpecError: when a percentile is not within 0..100.
    """
    for name, percent in (("min_percentile", min_percentile), ("max_percentile", max_percentile)):
        if not 0 <= percent <= 100:
            raise SpecError(f"{name} is {percent:g}; wanted 0 to 100")
    records = read_log_file(min_max_log_file).records
    if not records:
        raise CalibrationError(f"the min/max log {min_max_log_file!r} holds bias corrections but no range")
    space = Workspace(graph)
    _check_logged(graph, records)
    for name in records:
        low, high = frozen_range(records[name], min_percentile, max_percentile)
        space.apply(_frozen(name, low, high))
    return space.graph()


def frozen_range(
    ranges: Sequence[tuple[float, float]], min_percentile: float, max_percentile: float
) -> tuple[np.float32, np.float32]:
    """The range that stands for those of the batches, by the order statistics that the module's text gives."""
    count = np.float32(len(ranges))
    lows = np.sort(np.array([low for low, _ in ranges], np.float32))
    highs = np.sort(np.array([high for _, high in ranges], np.float32))
    low_at = _rounded(count * (np.float32(min_percentile) / np.float32(100)))
    high_at = _rounded(count * (np.float32(1) - np.float32(max_percentile) / np.float32(100)))
    last = len(ranges) - 1
    return lows[min(low_at, last)], highs[min(high_at, last)]


def _check_logged(graph: Graph, names: Iterable[str]) -> None:
    """Confirm that every logged node is a range of this graph."""
    unknown = sorted(name for name in names if name not in graph.nodes)
    if unknown:
        ranges = [node.name for node in graph.nodes.values() if node.op in RANGE_OPS]
        near = difflib.get_close_matches(unknown[0], ranges, n=3, cutoff=0.5)
        raise CalibrationError(
            f"the min/max log names {len(unknown)} nodes that are not in the graph, the first {unknown[0]!r}"
            f"{'; near names: ' + ', '.join(near) if near else ''}; wanted the log of this graph"
        )
    for name in sorted(names):
        if graph.nodes[name].op not in RANGE_OPS:
            wanted = " or ".join(sorted(RANGE_OPS))
            raise CalibrationError(
                f"the min/max log names {name!r}, which is a {graph.nodes[name].op}; wanted a {wanted}"
            )


def _frozen(name: str, low: np.float32, high: np.float32) -> Edit:
    consts = (const_node(f"{name}/frozen_min", low), const_node(f"{name}/frozen_max", high))
    return Edit(frozenset({name}), consts, {name: consts[0].name, f"{name}:1": consts[1].name})


def _rounded(value: np.float32) -> int:
    """The nearest integer, halves away from zero; the value is not negative."""
    return math.floor(float(value) + 0.5)
