"""The KFP component of freeze_graph."""

from kfp import dsl

from octavo.component import component


@component
def freeze_graph(
    *,
    model: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    frozen: dsl.Output[dsl.Model],
) -> None:
    """Turn a model's variables into constants; a frozen graph passes through.

    Args:
        model: A model that fetch_model copied.
        summary: Its summary, which names the inputs and outputs.
        frozen: The frozen graph, a binary GraphDef.
    """
    from pathlib import Path

    from octavo.ends import read_ends
    from octavo.freeze_graph.freeze import freeze_model

    ends = read_ends(summary.path)
    freeze_model(Path(model.path), Path(frozen.path), input_names=ends.inputs, output_names=ends.outputs)
