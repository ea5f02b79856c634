"""Assign every node to a device, or those that have none.

    set_device(device="/device:CPU:0", if_default=true)

Before:
    x = Placeholder()
    y = Relu(x) @"/device:GPU:0"
After:
    x = Placeholder() @"/device:CPU:0"
    y = Relu(x) @"/device:GPU:0"
"""

from __future__ import annotations

from dataclasses import replace

from octavo.graph import Graph


def set_device(graph: Graph, *, device: str = "", if_default: bool = False) -> Graph:
    """Assign nodes to a device.

    Args:
        graph: the graph.
        device: the device, e.g. "/device:CPU:0"; an empty one leaves the choice to TensorFlow, as remove_device does.
        if_default: leave nodes that have a device alone.
    """
    nodes = graph.nodes.values()
    return graph.with_nodes(node if if_default and node.device else replace(node, device=device) for node in nodes)
