"""Forget on which device each node is to run.

Before:
    x = Placeholder() @"/device:GPU:0"
    y = Relu(x) @"/job:worker/task:1"
After:
    x = Placeholder()
    y = Relu(x)
"""

from __future__ import annotations

from dataclasses import replace

from octavo.graph import Graph


def remove_device(graph: Graph) -> Graph:
    """Forget on which device each node is to run."""
    return graph.with_nodes(replace(node, device="") if node.device else node for node in graph.nodes.values())
