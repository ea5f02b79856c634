"""Put calibrated minima into the graph: each Min in a log becomes a constant.

    freeze_min(min_max_log_file="min_max_log.txt")

With a log of one record, `;m__print__;__min:[-1.5]`:

Before:
    x = Placeholder()
    axes = Const() value=int32<1>[0]
    m = Min(x, axes) Tidx=int32
    y = Sub(x, m)
After:
    x = Placeholder()
    m/frozen_min_only = Const() value=float32<>[-1.5]
    y = Sub(x, m/frozen_min_only)

This freezes the ranges that Intel's quantize_graph leaves to be measured where float data enter: the log is that of a
graph with insert_logging(op=Min, show_name=true, message="__min:"). Of n values in ascending order the constant is
that at round(n * min_percentile / 100), in float32 and rounded half away from zero, the last one where there are
fewer. The original takes that at round(n * (1 - min_percentile / 100)), nearly the largest of the minima, so that
codes of smaller values are cut off.
"""

from __future__ import annotations

from octavo.graph import Graph
from octavo.intel_graphs.frozen_extremes import freeze_extremes


def freeze_min(
    graph: Graph, *, min_max_log_file: str, min_percentile: float = 5.0, max_percentile: float = 5.0
) -> Graph:
    """Put calibrated minima into the graph.

    Args:
        graph: the dynamic-range graph.
        min_max_log_file: the log that the graph with logging wrote.
        min_percentile: how much of the batches' smallest values lies below the constant, in percent.
        max_percentile: accepted beside min_percentile, and checked.

    Raises:
        CalibrationError: when the log holds no such record, holds NaN or infinity, or names a node that is not in the
            graph or is no Min.
        SpecError: when a percentile is not within 0..100.
    """
    return freeze_extremes(graph, "Min", min_max_log_file, min_percentile=min_percentile, max_percentile=max_percentile)
