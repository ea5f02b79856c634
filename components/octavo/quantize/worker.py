"""What the worker process does of a model's graphs."""

from __future__ import annotations

import json
from pathlib import Path

from octavo.documents.decisions import Decisions
from octavo.evaluate.scores import check_scored
from octavo.freeze_graph.freeze import frozen_model
from octavo.graph.proto import load_graph, save_graph
from octavo.quantize.graphs import Graphs
from octavo.quantize_graph.quantize import quantize as quantized
from octavo.runtime.proof import prove
from octavo.summarize_graph.summarize import summarize_model
from octavo.transform_graph import stages
from octavo.transform_graph.transform import transform, transformed
from octavo.transform_graph.verdicts import settle


def summarize(text: str) -> None:
    """Write a model's summary. The text is JSON: model, summary, inputs, outputs."""
    model, summary, inputs, outputs = json.loads(text)
    summarize_model(Path(model), inputs, outputs).write(summary)


def optimize(text: str) -> None:
    """Write the optimized FP32 graph. The text is a `Graphs` as JSON, here and below."""
    graphs = Graphs.model_validate_json(text)
    frozen = frozen_model(graphs.model, input_names=graphs.inputs, output_names=graphs.outputs).graph
    fp32 = transform(frozen.with_ends(graphs.inputs, graphs.outputs), stages.OPTIMIZE)
    prove(fp32, instead_of=frozen)
    save_graph(fp32, graphs.fp32)


def check_outputs(text: str) -> None:
    """Confirm that one of the FP32 graph's outputs may be scores."""
    graphs = Graphs.model_validate_json(text)
    check_scored(load_graph(graphs.fp32).with_ends(graphs.inputs, graphs.outputs))


def quantize(text: str) -> None:
    """Write the dynamic-range graph, the same with logging, and the decisions."""
    graphs = Graphs.model_validate_json(text)
    dynamic, decisions = quantized(load_graph(graphs.fp32).with_ends(graphs.inputs, graphs.outputs), graphs.recipe)
    save_graph(dynamic, graphs.dynamic)
    Decisions(nodes=tuple(decisions), recipe=graphs.recipe.model_dump(mode="json")).write(graphs.decisions)
    save_graph(transform(dynamic, stages.INSERT_LOGGING), graphs.logged)


def lower(text: str) -> None:
    """Write the INT8 graph, and settle the decisions."""
    graphs = Graphs.model_validate_json(text)
    dynamic = load_graph(graphs.dynamic).with_ends(graphs.inputs, graphs.outputs)
    outcome = transformed(dynamic, stages.freeze_ranges(graphs.log, graphs.recipe) + stages.fuse(graphs.recipe))
    save_graph(outcome.graph, graphs.int8)
    settle(graphs.decisions, outcome)
