"""Put a Print behind nodes: each run then writes their outputs to standard error.

    insert_logging(op=RequantizationRange, show_name=true, message="range:")

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
    r = RequantizationRange(q, lo, hi)
    r__print__ = Print(r, r, r:1) T=float32 U=[float32, float32] first_n=-1 message=";r__print__;range:" summarize=1024
    y = Sub(r:1, r__print__)

The Print hands output 0 on and prints every output that someone reads. Nodes that nobody reads are left alone, as
in the original. Unlike there, the attribute U lists the printed outputs only, so that a node with an unread output
gives a valid Print; where nobody reads output 0, the readers of the others wait for the Print, so that it runs; and
the nodes that make loops and conditionals, which only each other may read, get none.

Graphs that Intel's quantize_graph wrote are mended for the run: where TensorFlow 2 would compute a kernel's range
wrong, other nodes under the same names take the place of those that requantize it, and where it would die of a conv's
sum, the summand is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from octavo.graph import Graph, Node, output_index, producer_name
from octavo.graph.attrs import DType
from octavo.graph.op_defs import CONTROL_FLOW, output_dtypes
from octavo.intel_graphs.runnable import runnable
from octavo.ranges.log_records import PRINT


def insert_logging(
    graph: Graph,
    *,
    op: tuple[str, ...] = (),
    prefix: tuple[str, ...] = (),
    show_op: bool = False,
    show_name: bool = False,
    message: str = "",
    first_n: int = -1,
    summarize: int = 1024,
) -> Graph:
    """Put a Print behind nodes; a node that has one already keeps it alone.

    Args:
        graph: the graph.
        op: print nodes of these types only; may be given several times.
        prefix: print nodes only whose names begin with one of these; may be given several times.
        show_op: begin the line with the node's type: ";Conv2D;".
        show_name: begin the line with the Print's name: ";conv1__print__;".
        message: what follows, before the values.
        first_n: print this many times only; -1 is always.
        summarize: print this many values of each output; -1 is all.
    """
    ports = _read_ports(graph)
    settings = {"first_n": first_n, "summarize": summarize}
    prints = {}
    for node in graph.nodes.values():
        chosen = (not op or node.op in op) and (not prefix or node.name.startswith(prefix))
        if chosen and node.name in ports and _printable(graph, node):
            text = f";{node.op};" if show_op else ""
            text += f";{node.name}{PRINT};" if show_name else ""
            prints[node.name] = _print_of(node, ports[node.name], text + message, settings)
    nodes = []
    for node in graph.nodes.values():
        nodes.append(_reading_prints(node, prints, ports))
        if node.name in prints:
            nodes.append(prints[node.name])
    return runnable(graph.with_nodes(nodes))


def _read_ports(graph: Graph) -> dict[str, set[int]]:
    """Node -> its outputs that someone reads; -1 is a control edge."""
    ports: dict[str, set[int]] = {}
    for node in graph.nodes.values():
        for tensor in node.inputs:
            ports.setdefault(producer_name(tensor), set()).add(output_index(tensor))
    return ports


def _printable(graph: Graph, node: Node) -> bool:
    is_print = node.op == "Print" and node.name.endswith(PRINT)
    return not is_print and f"{node.name}{PRINT}" not in graph.nodes and node.op not in CONTROL_FLOW


def _print_of(node: Node, read: set[int], message: str, settings: Mapping[str, object]) -> Node:
    dtypes = output_dtypes(node)
    ports = sorted({max(port, 0) for port in read})  # a control edge counts as output 0
    printed = [node.name if port == 0 else f"{node.name}:{port}" for port in ports]
    attrs = {
        "T": DType(dtypes[0]),
        "U": tuple(DType(dtypes[port]) for port in ports),
        "message": message,
        **settings,
    }
    return Node(f"{node.name}{PRINT}", "Print", (node.name, *printed), attrs, node.device)


def _reading_prints(node: Node, prints: dict[str, Node], ports: dict[str, set[int]]) -> Node:
    """The node with each output 0 that is printed read from its Print."""
    data = [prints[t].name if t in prints else t for t in node.data_inputs]
    read = dict.fromkeys(producer_name(t) for t in node.inputs)
    waits = [f"^{prints[name].name}" for name in read if name in prints and 0 not in ports[name]]
    inputs = (*data, *node.control_inputs, *waits)
    return replace(node, inputs=inputs) if inputs != node.inputs else node
