"""Which tensors of a graph a caller most likely feeds and fetches, and why.

An input is where data come in: a placeholder, an iterator or a queue, that is no scalar setting and no label.
An output is where inference ends: the last node that data reach, once the nodes that only save, train, log or
measure are left out. Where several are left, those that weights reach win, then those that are no auxiliary head, no
mere shape and nothing that only a summary shows: these heads are taken. The likely ones among them are those that end
in a Softmax or Sigmoid, where there are such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from octavo.errors import GraphError
from octavo.graph.frames import EXITS, in_control_flow
from octavo.graph.graph import Graph, Node
from octavo.graph.names import producer_name
from octavo.graph.op_defs import output_dtypes
from octavo.graph.passing import made_by
from octavo.summarize_graph.flow import DataFlow
from octavo.summarize_graph.sources import Source, find_sources

AUXILIARY = re.compile(r"(^|/)aux", re.IGNORECASE)
PROBABILITIES = frozenset({"Softmax", "Sigmoid"})
SHAPES = frozenset({"Shape", "ShapeN", "Size", "Rank"})
SHOWING = re.compile(r"(Write)?(Scalar|Image|Audio)Summary(V2)?")
"""Summaries of what is made to be shown: a number, a picture."""
NEVER_OUTPUTS = frozenset({"Const", "Assign", "NoOp", "Placeholder"})
"""Ops that are no outputs even when nothing reads them."""

Preference = tuple[Callable[[Node], bool], str]
"""Whether a node is preferred to others, and why those are not."""


@dataclass(frozen=True, slots=True)
class End:
    """A possible input or output.

    Args:
        name: the tensor.
        likely: whether a caller most likely feeds or fetches it.
        reason: why it is likely or taken, or why not.
        taken: whether the later steps use it where none are named.
    """

    name: str
    likely: bool
    reason: str
    taken: bool


def is_unread(graph: Graph, node: Node) -> bool:
    """Whether nothing reads a node that could be an output."""
    return not graph.consumers[node.name] and node.op not in NEVER_OUTPUTS


def possible_outputs(flow: DataFlow) -> list[End]:
    """Every tensor that could be an output: what nothing reads, and the last ones of inference."""
    graph = flow.graph
    fed = [source.name for source in find_sources(graph) if _is_data(source, flow)]
    starts = fed or [source.name for source in find_sources(graph)]
    live = flow.downstream(starts, frozenset(flow.aside))
    last = [name for name in live if not any(reader.name in live for _, reader in flow.readers[name])]
    inside = in_control_flow(graph)
    passed_over = dict.fromkeys(inside.intersection(last), "it runs inside a loop or a branch of a conditional")
    heads, lost = _best([graph.nodes[name] for name in last if name not in inside], _head_preferences(flow))
    likely, _ = _best(heads, [(lambda node: made_by(graph, node.name).op in PROBABILITIES, "")])
    unread = [node.name for node in graph.nodes.values() if is_unread(graph, node)]
    names = _Outputs(frozenset(n.name for n in heads), frozenset(n.name for n in likely), passed_over | lost)
    listed = {*unread, *last}
    return [end for name in graph.nodes if name in listed for end in _output_ends(name, names, flow)]


@dataclass(frozen=True, slots=True)
class _Outputs:
    heads: frozenset[str]
    likely: frozenset[str]
    passed_over: Mapping[str, str]


def _head_preferences(flow: DataFlow) -> list[Preference]:
    """What tells heads from what else is left over at the end of a graph."""
    return [
        (lambda node: node.name in flow.weighted, "no weights reach it"),
        (lambda node: not AUXILIARY.search(node.name), "looks like an auxiliary head"),
        (lambda node: made_by(flow.graph, node.name).op not in SHAPES, "tells a shape alone"),
        (lambda node: not _is_only_shown(node, flow), "only a summary shows it"),
        (lambda node: node.op not in EXITS or bool(flow.readers[node.name]), "a loop leaves it, and nothing reads it"),
        (lambda node: not flow.graph.consumers[node.name] or bool(flow.readers[node.name]), "it is only waited for"),
    ]


def _is_only_shown(node: Node, flow: DataFlow) -> bool:
    """Whether nothing but summaries of numbers and pictures reads a node."""
    readers = flow.readers[node.name]
    return bool(readers) and all(SHOWING.fullmatch(reader.op) for _, reader in readers)


def _best(nodes: Sequence[Node], preferences: Iterable[Preference]) -> tuple[Sequence[Node], dict[str, str]]:
    """The nodes that are preferred to the others, and why each of the others is not."""
    passed_over: dict[str, str] = {}
    for prefers, why_not in preferences:
        better = [node for node in nodes if prefers(node)]
        if better and len(nodes) > 1:
            passed_over |= {node.name: why_not for node in nodes if not prefers(node)}
            nodes = better
    return nodes, passed_over


def _output_ends(name: str, names: _Outputs, flow: DataFlow) -> list[End]:
    """The ends that a node is: a head has one for each of its tensors."""
    reason = _output_reason(name, names, flow)
    if name not in names.heads:
        return [End(name, likely=False, reason=reason, taken=False)]
    tensors = _tensors(flow.graph.nodes[name])
    return [End(tensor, tensor == name and name in names.likely, reason, taken=True) for tensor in tensors]


def _tensors(node: Node) -> list[str]:
    """The tensors of a head; of a batch norm the first alone, since the others are for training."""
    try:
        count = 1 if node.op.startswith("FusedBatchNorm") else len(output_dtypes(node))
    except GraphError:
        count = 1
    return [f"{node.name}:{index}" if index else node.name for index in range(count)]


def _output_reason(name: str, names: _Outputs, flow: DataFlow) -> str:
    if name in names.heads:
        op = made_by(flow.graph, name).op
        read = "nothing reads it" if not flow.graph.consumers[name] else "only training, saving or logging reads it"
        return f"{read}, and data from the inputs end here in a {op}"
    return names.passed_over.get(name) or flow.aside.get(name, "no data from an input reach it")


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
        return End(source.name, likely=False, reason=why_not, taken=False)
    reached = sorted((flow.downstream([source.name]) | {producer_name(source.name)}) & outputs)
    if outputs and not reached:
        uses = {flow.aside.get(name, "") for name in flow.downstream([source.name])}
        why_not = f"reaches no output{': ' if any(uses) else ''}{', '.join(sorted(filter(None, uses)))}"
        return End(source.name, likely=False, reason=why_not, taken=False)
    reason = f"a {source.op} whose data reach {', '.join(reached) or 'the graph'}"
    return End(source.name, likely=True, reason=reason, taken=True)
