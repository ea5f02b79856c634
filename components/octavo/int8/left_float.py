"""Misses of a lowering by the ops of the float graph, which the verdicts are about.

A lowering files what does not fit under the QuantizeV2 node that was to become a kernel, or under the op that was to be
one; what the kernel was to take in stands between that node and the Dequantize nodes before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from octavo.graph.graph import Graph, Node
from octavo.graph.miss import Miss
from octavo.graph.rewrite import Misses, Outcome
from octavo.int8.node_names import origin

LEFT_FLOAT = "left_float"
"""What these misses are filed under, as a rule is."""

BORDERS = frozenset({"Const", "Dequantize", "Placeholder", "QuantizeV2"})

Filed = Iterator[tuple[Node, Sequence[tuple[str, Miss]]]]


def left_float(qdq: Graph, lowered: Outcome) -> Misses:
    """Why ops compute in float when a QDQ graph is lowered: the nearest miss for each.

    An op without a miss of its own has that of the codes that it reads.
    """
    told = {name: [(LEFT_FLOAT, lowered.reason(name)[1])] for name in lowered.missed}
    found: dict[str, Sequence[tuple[str, Miss]]] = {}
    for node, misses in (*_before(qdq, told), *_behind(qdq, told)):
        after = lowered.graph.nodes.get(node.name)
        if after is not None and after.op == node.op:
            found.setdefault(origin(node.name), misses)
    return found


def by_float_op(qdq: Graph, missed: Misses) -> Misses:
    """The misses of kernels by the float ops that these stand for; those of kernels beside them are left out."""
    return {origin(node.name): misses for node, misses in _before(qdq, missed)}


def _before(qdq: Graph, missed: Misses) -> Filed:
    """The ops that make what a QuantizeV2 reads, or an op and those before it; a float op's own misses come first."""
    for name in sorted(filter(qdq.nodes.__contains__, missed), key=lambda name: qdq.nodes[name].op == "QuantizeV2"):
        node = qdq.nodes[name]
        todo = [qdq.producer(node.data_inputs[0])] if node.op == "QuantizeV2" else [node]
        seen: set[str] = set()
        while todo:
            node = todo.pop()
            if node.name not in seen and node.op not in BORDERS:
                seen.add(node.name)
                yield node, missed[name]
                todo += [qdq.producer(tensor) for tensor in node.data_inputs]


def _behind(qdq: Graph, missed: Misses) -> Filed:
    """The ops that read a QuantizeV2's codes as floats."""
    for name, misses in missed.items():
        for back in qdq.consumers[name]:
            if back.op == "Dequantize":
                yield from ((reader, misses) for reader in qdq.consumers[back.name])
