"""The steps that turn graphs into graphs, each run by the worker, so that its memory is given back when it ends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from octavo.recipe import Recipe
from octavo.runtime import worker


def summarize(model: Path, summary: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """Write the summary of a fetched model. Raises as summarize_graph does."""
    worker.call("octavo.quantize.worker:summarize", json.dumps([str(model), str(summary), inputs, outputs]))


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
        worker.call("octavo.quantize.worker:optimize", self.model_dump_json())

    def check_scored(self) -> None:
        """Say now that no output of the FP32 graph can be scored. Raises as `evaluate.scores.check_scored` does."""
        if len(self.outputs) > 1:
            worker.call("octavo.quantize.worker:check_outputs", self.model_dump_json())

    def quantize(self) -> None:
        """Write the dynamic-range graph, with logging as well, and the decisions. Raises as quantize_graph does."""
        worker.call("octavo.quantize.worker:quantize", self.model_dump_json())

    def lower(self) -> None:
        """Write the INT8 graph, settle the decisions, and run the graph once. Raises as transform_graph does."""
        worker.call("octavo.quantize.worker:lower", self.model_dump_json())
        try:
            worker.call("octavo.runtime.trial:run_file", json.dumps([str(self.int8), self.inputs, self.outputs]))
        except BaseException:
            self.int8.unlink(missing_ok=True)
            raise
