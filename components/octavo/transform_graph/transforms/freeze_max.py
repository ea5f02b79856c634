"""Put calibrated maxima into the graph: each Max in a log becomes a constant.

    freeze_max(min_max_log_file="min_max_log.txt")

With a log of one record, `;m__print__;__max:[6]`:

Before:
    x = Placeholder()
    axes = Const() value=int32<1>[0]
    m = Max(x, axes) Tidx=int32
    y = Sub(x, m)
After:
    x = Placeholder()
    m/frozen_max_only = Const() value=float32<>[6]
    y = Sub(x, m/frozen_max_only)

This freezes the ranges that Intel's quantize_graph leaves to be measured where float data enter: the log is that of a
graph with insert_logging(op=Max, show_name=true, message="__max:"). Of n values in ascending order the constant is
that at round(n * (1 - max_percentile / 100)), in float32 and rounded half away from zero, the last one where there are
fewer.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.intel_graphs.frozen_extremes import freeze_extremes


def freeze_max(
    graph: Graph, *, min_max_log_file: str, min_percentile: float = 5.0, max_percentile: float = 5.0
) -> Graph:
    """Put calibrated maxima into the graph.

    Args:
        graph: the dynamic-range graph.
        min_max_log_file: the log that the graph with logging wrote.
        min_percentile: accepted beside max_percentile, and checked.
        max_percentile: how much of the batches' largest values lies above the constant, in percent.

    Raises:
        CalibrationError: when the log holds no such record, holds NaN or infinity, or names a node that is not in the
            graph or is no Max.
        SpecError: when a percentile is not within 0..100.
    """
    return freeze_extremes(graph, "Max", min_max_log_file, min_percentile=min_percentile, max_percentile=max_percentile)
