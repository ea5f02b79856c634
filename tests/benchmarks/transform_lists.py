"""Time a transform list on graphs of 5,000, 20,000 and 80,000 nodes: `python tests/benchmarks/transform_lists.py`.

The graphs are chains of convs with batch norms and identities. TensorFlow's import is not counted; the figures are
processor time, which other programs on the machine disturb least, and the smallest of three rounds.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

from long_graphs import CALLS, LIST, NODES_A_BLOCK, blocks
from octavo.graph import Graph
from octavo.tensorflow import import_tensorflow
from octavo.transform_graph.transform import transform

NODES = (5_000, 20_000, 80_000)
ROUNDS = 3


def main() -> None:
    """Print a row for each transform, alone and in the list, and a column for each size."""
    import_tensorflow()
    graphs = [blocks(nodes // NODES_A_BLOCK) for nodes in NODES]
    table = Table("seconds of processor time", *(f"{len(graph.nodes):,} nodes" for graph in graphs))
    for graph in graphs[:1]:
        transform(graph, LIST)  # what the first run loads is not counted
    for call in (*CALLS, LIST):
        seconds = [_fastest(graph, call) for graph in graphs]
        table.add_row("the whole list" if call == LIST else call, *(f"{each:.2f}" for each in seconds))
    Console().print(table)


def _fastest(graph: Graph, call: str) -> float:
    """The processor time of the fastest of some runs, in seconds."""
    seconds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        transform(graph, call)
        seconds.append(time.process_time() - start)
    return min(seconds)


if __name__ == "__main__":
    main()
