"""The modes on files: a graph in, the changed graph and its verdicts out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from octavo.documents.decisions import Decision, Decisions
from octavo.errors import GraphError
from octavo.graph.graph import Graph
from octavo.graph.proto import load_graph, save_graph
from octavo.runtime import worker
from octavo.runtime.session import GraphSession, placeholder_shape
from octavo.runtime.trial import run_once

Change = Callable[[Graph], tuple[Graph, list[Decision]]]
"""What a mode does to a graph; the verdicts say what became of what."""


def change_file(
    graph: Path,
    changed: Path,
    decisions: Path,
    change: Change,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    options: Mapping[str, Any],
    as_text: bool = False,
) -> tuple[list[Decision], str | None]:
    """Change a graph file by a mode; the result is run once before it is written.

    Args:
        graph: the float graph's file.
        changed: where the changed graph goes.
        decisions: where the verdicts go, as JSON.
        change: what to do.
        inputs: the tensors that the caller feeds; found where there are none.
        outputs: the tensors that the caller fetches.
        options: what the verdicts' file says that was asked for.
        as_text: write protobuf's text form.

    Returns:
        The verdicts, and why the result was loaded but not run; None where it ran.

    Raises:
        OctavoError: when the file cannot be read, the mode fails, or the result does not run.
    """
    if not outputs:
        raise GraphError("quantize_graph needs the output names; pass --output_node_names")
    worker.prepare()
    before = load_graph(graph).with_ends(inputs, outputs)
    after, verdicts = change(before)
    not_run = _tried(after, instead_of=before)
    save_graph(after, changed, as_text=as_text)
    Decisions(nodes=tuple(verdicts), recipe=dict(options)).write(decisions)
    return verdicts, not_run


def _tried(graph: Graph, *, instead_of: Graph) -> str | None:
    """Run a graph on random input where its shapes are known, else load it; why it was not run, or None."""
    inputs = graph.inputs or tuple(n.name for n in graph.nodes.values() if n.op == "Placeholder")
    for name in inputs:
        shape = placeholder_shape(graph, name)
        if shape is None or None in shape[1:]:
            GraphSession(graph, fetches=()).close()
            return f"the shape of the input {name!r} is not known but for the batch"
    try:
        run_once(graph)
    except GraphError as fault:
        if _runs(instead_of):
            raise
        GraphSession(graph, fetches=()).close()
        return f"it fails on random input, as does the graph that it was made from: {fault}"
    return None


def _runs(graph: Graph) -> bool:
    try:
        run_once(graph)
    except GraphError:
        return False
    return True
