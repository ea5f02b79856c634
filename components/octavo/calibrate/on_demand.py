"""Let a graph make some of its outputs only in runs that ask for them.

To fetch these outputs in some runs only does the same, but each set of fetches is optimized, built and packed anew,
which takes as long as several batches of a small graph.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from octavo.graph.attrs import DType, TensorShape
from octavo.graph.graph import Graph, Node, rewire
from octavo.graph.names import producer_name, safe_name
from octavo.graph.op_defs import tensor_dtype

DEMAND = "octavo/on_demand"
"""The Placeholder that asks for them: bool []."""


def on_demand(graph: Graph, always: Sequence[str], wanted: Sequence[str]) -> Graph:
    """The graph with a Switch in front of all that only the tensors `wanted` need.

    They are then dead, in TensorFlow's word, in runs that feed False to `DEMAND`: their ops do not run, and no more
    does an op that reads one of them, but for a Merge. A tensor that constants alone decide is made in each run.

    Args:
        graph: the graph.
        always: tensors that each run makes.
        wanted: tensors that are made on demand; what `always` needs as well is made in each run.
    """
    shared, behind = graph.needed_by(always), graph.needed_by(wanted)
    own = [node for node in graph.nodes.values() if node.name in behind and node.name not in shared]
    sources = dict.fromkeys(tensor for node in own for tensor in node.data_inputs if _is_source(graph, tensor, shared))
    gated = {tensor: f"{DEMAND}/{safe_name(tensor)}:1" for tensor in sources}
    rewired = {node.name: node for node in rewire(own, gated)}
    nodes = [rewired.get(node.name, node) for node in graph.nodes.values()]
    asks = Node(DEMAND, "Placeholder", (), {"dtype": DType("bool"), "shape": TensorShape(())})
    return graph.with_nodes([*nodes, asks, *(_switch(graph, t, name) for t, name in gated.items())])


def _is_source(graph: Graph, tensor: str, shared: Collection[str]) -> bool:
    """Whether a tensor comes from outside of what is made on demand, and is no constant."""
    node = graph.producer(tensor)
    return node.op not in ("Const", "ImmutableConst") and (node.name in shared or not node.data_inputs)


def _switch(graph: Graph, tensor: str, name: str) -> Node:
    return Node(producer_name(name), "Switch", (tensor, DEMAND), {"T": DType(tensor_dtype(graph, tensor))})
