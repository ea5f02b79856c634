"""The step: a float graph in, a dynamic-range graph and its decisions out."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from octavo.documents.decisions import Decision, Decisions
from octavo.errors import GraphError
from octavo.graph.graph import Graph
from octavo.graph.op_defs import with_default_attrs
from octavo.graph.proto import load_graph, save_graph
from octavo.graph.sort import execution_order
from octavo.int8.chain import ANCHORS
from octavo.int8.equalization import equalize
from octavo.notes import counted
from octavo.quantize_graph.carriers import CARRIERS
from octavo.quantize_graph.emit import emit
from octavo.quantize_graph.float_ends import float_ends
from octavo.quantize_graph.plan import make_plan
from octavo.quantize_graph.rules import Rules
from octavo.quantize_graph.split_concats import split_concats
from octavo.recipe import Recipe
from octavo.runtime import worker
from octavo.runtime.environment import check_kernels
from octavo.runtime.memory import TO_QUANTIZE, tell_of_memory
from octavo.runtime.trial import run_once

LOG = logging.getLogger(__name__)


def quantize(graph: Graph, recipe: Recipe) -> tuple[Graph, list[Decision]]:
    """Turn an optimized float graph into a dynamic-range graph.

    Args:
        graph: a frozen graph with batch norms folded, its inputs and outputs named.
        recipe: what to quantize, and how.

    Raises:
        GraphError: when the graph names no outputs, or nothing in it can be quantized.
        RecipeError: when a rule of the recipe matches no node.
    """
    if not graph.outputs:
        raise GraphError("quantize_graph needs the output names; pass --output_node_names")
    graph = _with_default_attrs(graph.without_dead_nodes())
    notes: dict[str, str] = {}
    if recipe.equalize_weights:
        equalized = equalize(graph)
        graph = equalized.graph
        notes = {
            name: f"its weights are not equalized: {miss.reason}" for name, [(_, miss)] in equalized.missed.items()
        }
    if recipe.split_concats:
        rules = Rules(recipe, graph, execution_order(graph))
        graph, split = split_concats(graph, leave=rules.name)
        notes = _joined(notes, split)
    plan = make_plan(graph, recipe)
    if recipe.bias == "float32" and "MatMul" not in recipe.excluded_ops:
        graph, ends = float_ends(graph, plan)
        notes, plan = _joined(notes, ends), make_plan(graph, recipe) if ends else plan
    if not plan.chains:
        raise GraphError(_nothing_found(plan.decisions))
    return emit(graph, plan, recipe), [_noted(each, notes.get(each.name)) for each in plan.decisions]


def quantize_file(
    graph: Path,
    quantized: Path,
    decisions: Path,
    *,
    recipe: Recipe,
    inputs: Sequence[str],
    outputs: Sequence[str],
    as_text: bool = False,
) -> list[Decision]:
    """Quantize a graph file; the result is run once before it is written, as text on request.

    Raises:
        OctavoError: as `quantize` does.
        EnvironmentFault: when this TensorFlow has no kernels for what the recipe asks for.
    """
    tell_of_memory(graph, TO_QUANTIZE)
    worker.prepare()
    check_kernels(recipe.target)
    dynamic, verdicts = quantize(load_graph(graph).with_ends(inputs, outputs), recipe)
    run_once(dynamic)
    save_graph(dynamic, quantized, as_text=as_text)
    Decisions(nodes=tuple(verdicts), recipe=recipe.model_dump(mode="json")).write(decisions)
    LOG.info("%s", in_short(verdicts))
    return verdicts


def in_short(decisions: Sequence[Decision]) -> str:
    """How many of the ops that could be INT8 are, in one line."""
    left = sum(each.verdict == "FP32" for each in decisions)
    stay = f"{left:,} {'stays' if left == 1 else 'stay'} FP32" if left else "none stays FP32"
    return f"quantized {len(decisions) - left:,} of {counted(len(decisions), 'op')} that could be INT8; {stay}"


def _with_default_attrs(graph: Graph) -> Graph:
    """The graph with the attributes of the ops that matter here written out, since many tools leave defaults away."""
    ops = ANCHORS | CARRIERS
    nodes = {n.name: with_default_attrs(n) if n.op in ops else n for n in graph.nodes.values()}
    return replace(graph, nodes=nodes)


def _joined(notes: Mapping[str, str], more: Mapping[str, str]) -> dict[str, str]:
    return {**notes, **{name: "; ".join(filter(None, (notes.get(name), note))) for name, note in more.items()}}


def _noted(decision: Decision, note: str | None) -> Decision:
    """A decision with one more note, when there is one."""
    notes = "; ".join(filter(None, (decision.note, note)))
    return replace(decision, note=notes or None)


def _nothing_found(decisions: list[Decision]) -> str:
    if not decisions:
        return "nothing to quantize: the graph has no Conv2D, DepthwiseConv2dNative or MatMul"
    first = decisions[0]
    return (
        f"nothing can be quantized: all {len(decisions)} candidates stay FP32, "
        f"the first ({first.name!r}) since {first.reason}"
    )
