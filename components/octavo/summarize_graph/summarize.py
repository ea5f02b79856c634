"""Summarize a model: what it holds, and which inputs and outputs the later steps use."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from octavo.documents import summary
from octavo.graph.graph import Graph
from octavo.graph.library import function_nodes
from octavo.graph.meta_graph import Signature, TensorInfo
from octavo.graph.names import is_control
from octavo.notes import counted
from octavo.summarize_graph.cost import bytes_by_op, flops_by_op, most_first
from octavo.summarize_graph.ends import End, is_unread, likely_inputs, possible_outputs
from octavo.summarize_graph.flow import DataFlow
from octavo.summarize_graph.parameters import Parameter, find_parameters
from octavo.summarize_graph.sources import find_sources
from octavo.summarize_graph.subject import Subject, read_subject

LOG = logging.getLogger(__name__)

NAMING = "name those wanted with --outputs (in the pipeline output_names)"
"""How a user says which outputs are wanted."""


def summarize_model(model: Path, input_names: Sequence[str] = (), output_names: Sequence[str] = ()) -> summary.Summary:
    """Read a model and say what it holds.

    Args:
        model: a graph file, a folder with a graph and a checkpoint, a SavedModel folder, a Keras file, or a folder
            that fetch_model wrote.
        input_names: the inputs that the later steps use; found where left out.
        output_names: the outputs that the later steps use; found where left out.

    Raises:
        GraphError: when the model cannot be read, or a name given is not in it.
    """
    found = summarize(read_subject(model), input_names, output_names)
    LOG.info("%s", _line(found))
    return found


def summarize(subject: Subject, input_names: Sequence[str] = (), output_names: Sequence[str] = ()) -> summary.Summary:
    """Say what a model that was read holds.

    Raises:
        GraphError: when a name given is not in the graph; the message lists near names.
    """
    graph = subject.graph
    ends = _ends(subject, input_names, output_names)
    parameters = list(find_parameters(graph, subject.frozen))
    variables = [parameter for parameter in parameters if parameter.is_variable]
    return summary.Summary(
        model=subject.path,
        kind=subject.kind,
        nodes=len(graph.nodes),
        functions=len(graph.library.function) if graph.library else 0,
        inputs=tuple(_inputs(graph, ends.inputs)),
        variables=tuple(map(_variable, variables)),
        outputs=tuple(_output(graph, end) for end in ends.outputs),
        const_parameters=sum(p.elements for p in parameters if not p.is_variable),
        variable_parameters=sum(p.elements for p in variables),
        parameter_bytes=bytes_by_op(graph, {p.node.name: p.bytes for p in parameters}),
        flops=flops_by_op(graph),
        control_edges=sum(is_control(t) for node in graph.nodes.values() for t in node.inputs),
        devices=dict(sorted(Counter(n.device for n in graph.nodes.values() if n.device).items())),
        ops=_count_ops(graph),
        signatures={key: _signature(found) for key, found in subject.signatures.items() if found.outputs},
        signature=subject.signature,
        known_inputs=ends.known_inputs,
        known_outputs=ends.known_outputs,
        input_names=ends.input_names or None,
        output_names=ends.output_names or None,
        unsettled=tuple(_unsettled(ends, subject.path)),
        notes=tuple(_notes(ends)),
    )


@dataclass(frozen=True, slots=True)
class _Ends:
    inputs: list[End]
    outputs: list[End]
    known_inputs: tuple[str, ...]
    known_outputs: tuple[str, ...]

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.known_inputs or _taken(self.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.known_outputs or _taken(self.outputs)


def _ends(subject: Subject, input_names: Sequence[str], output_names: Sequence[str]) -> _Ends:
    """The possible inputs and outputs; those given, or else the signature's, are known and need no guess."""
    graph = subject.graph
    given = replace(graph, inputs=(), outputs=()).with_ends(input_names, output_names)
    origin = "of the Keras model" if subject.kind == "keras" else f"of signature {subject.signature!r}"
    flow = DataFlow(graph, subject.frozen)
    known_outputs = given.outputs or graph.outputs
    outputs = _settle(possible_outputs(flow), known_outputs, "given" if given.outputs else origin)
    wanted = known_outputs or [end.name for end in outputs if end.taken]
    known_inputs = given.inputs or graph.inputs
    inputs = _settle(likely_inputs(flow, wanted), known_inputs, "given" if given.inputs else origin)
    return _Ends(inputs, outputs, known_inputs, known_outputs)


def _taken(ends: Sequence[End]) -> tuple[str, ...]:
    return tuple(end.name for end in ends if end.taken)


def _unsettled(ends: _Ends, model: str) -> Iterator[str]:
    """Why there are no inputs, or no outputs, for the later steps."""
    for what, names, found in (("input", ends.input_names, ends.inputs), ("output", ends.output_names, ends.outputs)):
        if not names:
            listed = [f"{end.name!r}: {end.reason}" for end in found[:5]]
            passed_over = f" (candidates: {'; '.join(listed)})" if listed else ""
            yield f"no {what} of {model!r} was found{passed_over}; name it"


def _notes(ends: _Ends) -> Iterator[str]:
    """What was chosen for a user who named no outputs, and what was left out; nothing where there is no choice."""
    left: dict[str, list[str]] = {}
    for end in ends.outputs:
        if not end.taken:
            left.setdefault(end.reason, []).append(end.name)
    taken = _taken(ends.outputs)
    if ends.known_outputs or not taken or (len(taken) == 1 and not left):
        return
    groups = ", ".join(f"{_listed(names, 3)} ({reason})" for reason, names in left.items())
    without = f"; left out: {groups}" if groups else ""
    yield f"outputs taken: {_listed(taken, 8)}{without}; {NAMING}"


def _listed(names: Sequence[str], most: int) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _line(found: summary.Summary) -> str:
    """What the model holds, in one line."""
    parameters = counted(found.const_parameters + found.variable_parameters, "parameter")
    inputs, outputs = (
        ", ".join(map(repr, names or ())) or "none found" for names in (found.input_names, found.output_names)
    )
    return f"the model has {counted(found.nodes, 'node')} and {parameters}; inputs: {inputs}; outputs: {outputs}"


def _settle(found: Sequence[End], known: Sequence[str], reason: str) -> list[End]:
    """The ends, where the known ones, if any, are likely and taken, and no others are."""
    if not known:
        return list(found)
    settled = [
        End(end.name, likely=True, reason=reason, taken=True)
        if end.name in known
        else replace(end, likely=False, taken=False, reason=f"another is {reason}" if end.taken else end.reason)
        for end in found
    ]
    names = {end.name for end in found}
    return [*settled, *(End(name, likely=True, reason=reason, taken=True) for name in known if name not in names)]


def _inputs(graph: Graph, ends: Iterable[End]) -> Iterable[summary.Input]:
    sources = {source.name: source for source in find_sources(graph)}
    for end in ends:
        source = sources.get(end.name)
        yield summary.Input(
            name=end.name,
            op=graph.producer(end.name).op,
            dtype=source.dtype if source else None,
            shape=source.shape if source else None,
            shape_text=source.shape_text if source else "None",
            likely=end.likely,
            taken=end.taken,
            reason=end.reason,
        )


def _output(graph: Graph, end: End) -> summary.Output:
    unread = end.name in graph.nodes and is_unread(graph, graph.nodes[end.name])
    op = graph.producer(end.name).op
    return summary.Output(name=end.name, op=op, likely=end.likely, taken=end.taken, reason=end.reason, unread=unread)


def _variable(found: Parameter) -> summary.Variable:
    node = found.node
    return summary.Variable(
        name=node.name, op=node.op, dtype=found.dtype, shape=found.shape, shape_text=found.shape_text
    )


def _count_ops(graph: Graph) -> dict[str, int]:
    counts = Counter(node.op for node in graph.nodes.values())
    counts.update(node.op for _, node in function_nodes(graph))
    return most_first(counts)


def _signature(found: Signature) -> summary.Signature:
    return summary.Signature(
        inputs={key: _tensor(info) for key, info in found.inputs.items()},
        outputs={key: _tensor(info) for key, info in found.outputs.items()},
    )


def _tensor(info: TensorInfo) -> summary.SignatureTensor:
    return summary.SignatureTensor(tensor=info.name, dtype=info.dtype, shape=info.shape)
