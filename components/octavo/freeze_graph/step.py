"""Freezing a model that was fetched, as a step of the pipeline."""

from __future__ import annotations

import shutil
from pathlib import Path

from octavo.documents.model_record import RECORD
from octavo.documents.summary import Summary
from octavo.freeze_graph.freeze import freeze_model
from octavo.graph_folder import GraphFolder


def freeze_fetched(model: Path, summary: Path, made: GraphFolder) -> None:
    """Freeze a model, and put its summary and its record beside the graph.

    Args:
        model: the folder that fetch_model filled, or a model in any form.
        summary: what summarize_graph wrote of it.
        made: the folder of the frozen graph.

    Raises:
        GraphError: as `freeze_model` does, or when the summary does not settle the inputs and outputs.
    """
    ends = Summary.read(summary).ends()
    freeze_model(model, made.graph, input_names=ends.inputs, output_names=ends.outputs)
    shutil.copyfile(summary, made.summary)
    if (model / RECORD).is_file():
        shutil.copyfile(model / RECORD, made.model)
