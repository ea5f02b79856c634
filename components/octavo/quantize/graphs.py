"""The steps that turn graphs into graphs, each run by the worker, so that its memory is given back when it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from octavo import flow
from octavo.files import write_json
from octavo.recipe import Recipe
from octavo.runtime import worker


def summarize(model: Path, summary: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Write the summary of a fetched model. Raises as summarize_graph does."""
    worker.call(f"{__name__}:_summarize", json.dumps([str(model), str(summary), inputs, outputs]))


class Graphs(BaseModel):
    """The files of the chain's graphs, and what they need beside them.

    Attributes:
        model: the fetched model.
        fp32: the optimized FP32 graph.
        decisions: the verdict on each op, JSON.
        dynamic: the dynamic-range graph.
        logged: the same with logging.
        log: the merged min/max log.
        int8: the INT8 graph.
        inputs: the graphs' inputs.
        outputs: the graphs' outputs.
        recipe: what becomes INT8, and how.
    """

    model_config = ConfigDict(frozen=True)

    model: Path
    fp32: Path
    decisions: Path
    dynamic: Path
    logged: Path
    log: Path
    int8: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    recipe: Recipe

    def optimize(self) -> None:
        """Write the optimized FP32 graph. Raises as freeze_graph and transform_graph do."""
        worker.call(f"{__name__}:_optimize", self.model_dump_json())

    def quantize(self) -> None:
        """Write the dynamic-range graph, with logging as well, and the decisions. Raises as quantize_graph does."""
        worker.call(f"{__name__}:_quantize", self.model_dump_json())

    def lower(self) -> None:
        """Write the INT8 graph, and run it once. Raises as transform_graph does."""
        worker.call(f"{__name__}:_lower", self.model_dump_json())
        try:
            worker.call("octavo.runtime.trial:run_file", json.dumps([str(self.int8), self.inputs, self.outputs]))
        except BaseException:
            self.int8.unlink(missing_ok=True)
            raise


def _summarize(request: str) -> None:
    from octavo.summarize_graph.summarize import summarize_model

    model, summary, inputs, outputs = json.loads(request)
    write_json(summary, summarize_model(Path(model), inputs, outputs).document())


def _optimize(request: str) -> None:
    from octavo.freeze_graph.freeze import frozen_model
    from octavo.graph.proto import save_graph
    from octavo.transform_graph.proof import prove
    from octavo.transform_graph.transform import transform

    graphs = Graphs.model_validate_json(request)
    frozen = frozen_model(graphs.model, input_names=graphs.inputs, output_names=graphs.outputs).graph
    fp32 = transform(frozen.with_ends(graphs.inputs, graphs.outputs), flow.OPTIMIZE)
    prove(fp32, instead_of=frozen)
    save_graph(fp32, graphs.fp32)


def _quantize(request: str) -> None:
    from octavo.graph.proto import load_graph, save_graph
    from octavo.quantize_graph.decisions import document
    from octavo.quantize_graph.quantize import quantize
    from octavo.transform_graph.transform import transform

    graphs = Graphs.model_validate_json(request)
    dynamic, decisions = quantize(load_graph(graphs.fp32).with_ends(graphs.inputs, graphs.outputs), graphs.recipe)
    save_graph(dynamic, graphs.dynamic)
    write_json(graphs.decisions, document(decisions, graphs.recipe))
    save_graph(transform(dynamic, flow.INSERT_LOGGING), graphs.logged)


def _lower(request: str) -> None:
    from octavo.graph.proto import load_graph, save_graph
    from octavo.transform_graph.transform import transform

    graphs = Graphs.model_validate_json(request)
    dynamic = load_graph(graphs.dynamic).with_ends(graphs.inputs, graphs.outputs)
    lowered = transform(dynamic, f"{flow.freeze_ranges(graphs.log, graphs.recipe)} {flow.fuse(graphs.recipe)}")
    save_graph(lowered, graphs.int8)
