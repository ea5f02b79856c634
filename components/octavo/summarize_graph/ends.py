"""Which tensors of a graph a caller most likely feeds and fetches, and why.

An input is where data come in: a placeholder, an iterator or a queue, that is no scalar setting and no label.
An output is where inference ends: the last node that data reach, once the nodes that only save, train, log or
measure are left out. Where several are left, those that weights reach win, then those that are no auxiliary head,
then those that end in a Softmax or Sigmoid.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.summarize_graph.flow import DataFlow
from octavo.summarize_graph.sources import Source, find_sources

AUXILIARY = re.compile(r"(^|/)aux", re.IGNORECASE)
PASSING = frozenset({"Identity", "Reshape", "Squeeze", "Cast", "StopGradient"})
PROBABILITIES = frozenset({"Softmax", "Sigmoid"})
NEVER_OUTPUTS = frozenset({"Const", "Assign", "NoOp", "Placeholder"})
"""Ops that are no outputs even when nothing reads them."""


@dataclass(frozen=True, slots=True)
class End:
    """A possible input or output, whether it is likely, and why."""

    name: str
    likely: bool
    reason: str


def is_unread(graph: Graph, node: Node) -> bool:
    """Whether nothing reads a node that could be an output."""
    return not graph.consumers[node.name] and node.op not in NEVER_OUTPUTS


def likely_outputs(flow: DataFlow) -> list[End]:
    """Every node that could be an output: those that nothing reads, and the last ones of inference."""
    graph = flow.graph
    fed = [source.name for source in find_sources(graph) if _is_data(source, flow)]
    starts = fed or [source.name for source in find_sources(graph)]
    live = flow.downstream(starts, frozenset(flow.aside))
    last = [name for name in live if not any(reader.name in live for _, reader in flow.readers[name])]
    kept, passed_over = _best([graph.nodes[name] for name in last], flow)
    unread = [node.name for node in graph.nodes.values() if is_unread(graph, node)]
    listed = {*unread, *last}
    return [
        End(name, name in kept, _output_reason(name, kept, passed_over, flow)) for name in graph.nodes if name in listed
    ]


def _best(nodes: Sequence[Node], flow: DataFlow) -> tuple[frozenset[str], dict[str, str]]:
    """The likeliest of some nodes, and why each of the others is not."""
    preferences: list[tuple[Callable[[Node], bool], str]] = [
        (lambda node: node.name in flow.weighted, "no weights reach it"),
        (lambda node: not AUXILIARY.search(node.name), "looks like an auxiliary head"),
        (lambda node: _ends_in(flow.graph, node).op in PROBABILITIES, "another output is a Softmax or Sigmoid"),
    ]
    passed_over: dict[str, str] = {}
    for prefers, why_not in preferences:
        better = [node for node in nodes if prefers(node)]
        if better and len(nodes) > 1:
            passed_over |= {node.name: why_not for node in nodes if not prefers(node)}
            nodes = better
    return frozenset(node.name for node in nodes), passed_over


def _ends_in(graph: Graph, node: Node) -> Node:
    """The node behind Identity, Reshape and the like."""
    while node.op in PASSING and node.data_inputs:
        node = graph.producer(node.data_inputs[0])
    return node


def _output_reason(name: str, kept: frozenset[str], passed_over: Mapping[str, str], flow: DataFlow) -> str:
    if name in kept:
        op = _ends_in(flow.graph, flow.graph.nodes[name]).op
        read = "nothing reads it" if not flow.graph.consumers[name] else "only training, saving or logging reads it"
        return f"{read}, and data from the inputs end here in a {op}"
    if name in passed_over:
        return passed_over[name]
    return flow.aside.get(name, "no data from an input reach it")


def _is_data(source: Source, flow: DataFlow) -> bool:
    return not _why_no_data(source, flow)


def _why_no_data(source: Source, flow: DataFlow) -> str:
    """Why a fed tensor is no input data; "" when it is."""
    if source.name in flow.labels:
        return "labels: only a loss or an accuracy reads it"
    if source.shape == () or source.dtype == "bool":
        return f"a {'scalar' if source.shape == () else 'boolean'}, so a setting and no data"
    return ""


def likely_inputs(flow: DataFlow, outputs: Sequence[str]) -> list[End]:
    """Every tensor that could be fed; likely are those whose data reach one of the outputs."""
    return [_input_end(source, flow, {producer_name(t) for t in outputs}) for source in find_sources(flow.graph)]


def _input_end(source: Source, flow: DataFlow, outputs: set[str]) -> End:
    if why_not := _why_no_data(source, flow):
        return End(source.name, False, why_not)
    reached = sorted((flow.downstream([source.name]) | {producer_name(source.name)}) & outputs)
    if outputs and not reached:
        uses = {flow.aside.get(name, "") for name in flow.downstream([source.name])}
        return End(
            source.name, False, f"reaches no output{': ' if any(uses) else ''}{', '.join(sorted(filter(None, uses)))}"
        )
    return End(source.name, True, f"a {source.op} whose data reach {', '.join(reached) or 'the graph'}")
