"""Put measured bias corrections into the graph: each one in the log becomes a constant.

    freeze_bias_corrections(min_max_log_file="min_max_log.txt")

With a log of one record, `;eightbit_bias_correction/c__print__;__bias_correction:[0.5 -1]`:

Before:
    x = Placeholder()
    axis = Const() value=int32<1>[0]
    eightbit_bias_correction/c = Mean(x, axis)
    y = Neg(eightbit_bias_correction/c)
After:
    x = Placeholder()
    axis = Const() value=int32<1>[0]
    eightbit_bias_correction/c = Const() value=float32<2>[0.5, -1]
    y = Neg(eightbit_bias_correction/c)

The constant is the mean over the log's records of that node, float32 [channels]. It is summed exactly, so that the
order of the records does not matter. Corrections that the log does not name stay as they are.
"""

from __future__ import annotations

from dataclasses import replace

from octavo.errors import CalibrationError
from octavo.graph import Graph, const_node
from octavo.ranges.min_max_log import read_log_file


def freeze_bias_corrections(graph: Graph, *, min_max_log_file: str) -> Graph:
    """Put measured bias corrections into the graph.

    Args:
        graph: the dynamic-range graph.
        min_max_log_file: the log that the graph with logging wrote.

    Raises:
        CalibrationError: when the log cannot be read, names a node that is not in the graph, or has vectors of
            different lengths for one node.
    """
    corrections = read_log_file(min_max_log_file).corrections
    unknown = sorted(corrections.keys() - graph.nodes.keys())
    if unknown:
        raise CalibrationError(
            f"the min/max log has bias corrections of {len(unknown)} nodes that are not in the graph, the first "
            f"{unknown[0]!r}; wanted the log of this graph"
        )
    frozen = {name: const_node(name, total.mean()) for name, total in corrections.items()}
    nodes = {name: frozen.get(name, node) for name, node in graph.nodes.items()}
    return replace(graph, nodes=nodes).without_dead_nodes()
