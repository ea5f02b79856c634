"""The KFP component of quantize_graph."""

from kfp import dsl

from octavo.component import component


@component
def quantize_graph(
    *,
    graph: dsl.Input[dsl.Model],
    quantized_graph: dsl.Output[dsl.Model],
    recipe: str = "",
) -> None:
    """Turn an optimized graph into a dynamic-range INT8 graph, and list what stays FP32 and why.

    Args:
        graph: An optimized frozen graph.
        quantized_graph: The dynamic-range graph, which runs on stock TensorFlow, and beside it decisions.json: for each
            node that could be quantized, what became of it.
        recipe: The recipe, a YAML or JSON document; empty for the default.
    """
    from octavo.graph_folder import graph_folder, new_graph_folder
    from octavo.quantize_graph.quantize import quantize_file
    from octavo.recipe import Recipe

    source = graph_folder(graph.path)
    ends, made = source.ends(), new_graph_folder(quantized_graph.path, after=source)
    quantize_file(
        source.graph,
        made.graph,
        made.decisions,
        recipe=Recipe.parse(recipe),
        inputs=ends.inputs,
        outputs=ends.outputs,
    )
    quantized_graph.metadata.update(made.facts())
