"""The KFP component of quantize_graph."""

from kfp import dsl

from octavo.component import component


@component
def quantize_graph(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    recipe: str = "",
    quantized: dsl.Output[dsl.Model],
    decisions: dsl.Output[dsl.Artifact],
) -> None:
    """Turn an optimized graph into a dynamic-range INT8 graph, and list what stays FP32 and why.

    Args:
        graph: An optimized frozen graph.
        summary: The model's summary, which names the inputs and outputs.
        recipe: The recipe, a YAML or JSON document; empty for the default.
        quantized: The dynamic-range graph; it runs on stock TensorFlow.
        decisions: For each node that could be quantized, what became of it, as JSON.
    """
    from pathlib import Path

    from octavo.ends import read_ends
    from octavo.quantize_graph.quantize import quantize_file
    from octavo.recipe import Recipe

    ends = read_ends(summary.path)
    quantize_file(
        Path(graph.path),
        Path(quantized.path),
        Path(decisions.path),
        recipe=Recipe.parse(recipe),
        inputs=ends.inputs,
        outputs=ends.outputs,
    )
