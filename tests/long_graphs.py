"""Graphs of many nodes."""

from __future__ import annotations

from examples import example
from octavo.graph import Graph, Node

BLOCK = """
    x = Placeholder() shape=<1,4,4,2>
    w = Const() value=float32<1,1,2,2>[0.5]
    read = Identity(w)
    conv = Conv2D(x, read)
    variance = Const() value=float32<2>[1, 2]
    epsilon = Const() value=float32<>[0.001]
    sum = Add(variance, epsilon)
    root = Rsqrt(sum)
    scaled = Mul(conv, root)
    beta = Const() value=float32<2>[1, 2]
    shifted = AddV2(scaled, beta)
    y = Relu(shifted)
"""

CALLS = (
    "strip_unused_nodes",
    "fold_constants",
    "fold_batch_norms",
    "remove_nodes(op=Identity)",
    "sort_by_execution_order",
)
LIST = " ".join(CALLS)
"""What a frozen graph usually goes through."""

NODES_A_BLOCK = 11


def blocks(count: int) -> Graph:
    """A chain of convs with batch norms, 11 nodes each."""
    block = example(BLOCK)
    nodes = [Node("0/y", "Placeholder", (), block.nodes["x"].attrs)]
    for n in range(1, count + 1):
        for node in list(block.nodes.values())[1:]:
            inputs = tuple(f"{n - 1}/y" if t == "x" else f"{n}/{t}" for t in node.inputs)
            nodes.append(Node(f"{n}/{node.name}", node.op, inputs, node.attrs))
    return Graph({}).with_nodes(nodes).with_ends(["0/y"], [f"{count}/y"])


def chain(length: int) -> Graph:
    """A chain of Neg nodes, the last one first: n0 is a Placeholder, each of the others reads the one before."""
    attrs = example("x = Placeholder()\ny = Neg(x)").nodes["y"].attrs
    nodes = [Node(f"n{n}", "Neg", (f"n{n - 1}",), attrs) for n in range(length, 0, -1)]
    graph = Graph({}).with_nodes([*nodes, *example("n0 = Placeholder() shape=<2>").nodes.values()])
    return graph.with_ends(["n0"], [f"n{length}"])
