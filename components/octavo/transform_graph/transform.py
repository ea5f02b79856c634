"""Applying a transform list to a graph, and to a graph file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from octavo.errors import GraphError, OctavoError, SpecError
from octavo.graph import Graph, load_graph, save_graph
from octavo.graph.frames import with_constants_in_frames
from octavo.graph.rewrite import Outcome
from octavo.runtime import worker
from octavo.runtime.memory import tell_of_memory
from octavo.runtime.proof import prove
from octavo.transform_graph.account import Account
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.language import Step, parse_steps
from octavo.transform_graph.renaming import without_lost_places

LOG = logging.getLogger(__name__)


def transform(graph: Graph, transforms: str | Sequence[Step]) -> Graph:
    """Apply a transform list.

    Args:
        graph: the graph; its inputs and outputs are what transforms keep.
        transforms: the list, e.g. "fold_constants(ignore_errors=true) fold_batch_norms", or its steps.

    Raises:
        SpecError: when the list cannot be read; nothing has run then.
        OctavoError: of the class that a transform raised, naming it and those before it.
    """
    return transformed(graph, transforms).graph


def transformed(graph: Graph, transforms: str | Sequence[Step]) -> Outcome:
    """The same, with what did not apply. Raises as `transform` does."""
    return _run(graph, _steps(transforms), Account())


def transform_file(
    in_graph: Path,
    out_graph: Path,
    transforms: str | Sequence[Step],
    *,
    inputs: Sequence[str] = (),
    outputs: Sequence[str] = (),
    as_text: bool = False,
) -> Outcome:
    """Apply a transform list to a graph file; the result is written when all succeeded and TensorFlow takes it.

    Args:
        in_graph: the GraphDef file, binary or text.
        out_graph: the file to write.
        transforms: the list, or its steps.
        inputs: the tensors that the caller feeds; may be empty when no transform needs them.
        outputs: the tensors that the caller fetches; may be empty when no transform needs them.
        as_text: write protobuf's text form.

    Returns:
        The graph that was written, and what did not apply.

    Raises:
        SpecError: when the list cannot be read.
        OctavoError: when the file cannot be read, a transform fails, or the result does not run.
    """
    steps = _steps(transforms)
    tell_of_memory(in_graph)
    worker.prepare()
    graph = load_graph(in_graph).with_ends(inputs, outputs)
    account = Account()
    outcome = _run(graph, steps, account)
    prove(outcome.graph, instead_of=graph)
    save_graph(outcome.graph, out_graph, as_text=as_text)
    LOG.info("%s", account.line(len(steps), graph, outcome.graph))
    return outcome


def _steps(transforms: str | Sequence[Step]) -> Sequence[Step]:
    steps = parse_steps(transforms, TRANSFORMS) if isinstance(transforms, str) else transforms
    if not steps:
        raise SpecError("the transform list is empty; wanted e.g. strip_unused_nodes fold_constants")
    return steps


def _run(graph: Graph, steps: Sequence[Step], account: Account) -> Outcome:
    done = Outcome(graph)
    for number, step in enumerate(steps):
        before = " ".join(each.name for each in steps[:number])
        where = f"{step.name} (after {before})" if before else step.name
        try:
            result = step(done.graph)
        except OctavoError as fault:
            if not step.ignore_errors:
                raise type(fault)(f"{where}: {fault}") from fault
            LOG.warning("%s: ignoring error: %s", step.name, fault)
            continue
        try:
            result.graph.check()
        except GraphError as fault:
            raise GraphError(f"{where} made a graph that is not whole: {fault}") from fault
        account.add(step.name, done.graph, result.graph)
        whole = with_constants_in_frames(without_lost_places(result.graph))
        done = done.then(replace(result, graph=whole))
    return done
