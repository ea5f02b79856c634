"""The KFP component of freeze_graph."""

from kfp import dsl

from octavo.component import component


@component
def freeze_graph(
    *,
    model: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    frozen_graph: dsl.Output[dsl.Model],
) -> None:
    """Turn a model's variables into constants; a frozen graph passes through.

    Args:
        model: A model that fetch_model copied.
        summary: Its summary, which names the inputs and outputs.
        frozen_graph: The frozen graph, with the summary and the model's record: a folder, as every graph is.
    """
    from pathlib import Path

    from octavo.freeze_graph.step import freeze_fetched
    from octavo.graph_folder import new_graph_folder

    made = new_graph_folder(frozen_graph.path)
    freeze_fetched(Path(model.path), Path(summary.path), made)
    frozen_graph.metadata.update(made.facts())
