"""The KFP components of transform_graph: any transform list, and those two that heed the recipe."""

from kfp import dsl

from octavo.component import component


@component
def transform_graph(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    transforms: str,
    transformed: dsl.Output[dsl.Model],
) -> None:
    """Apply a list of transforms to a graph.

    Args:
        graph: A frozen graph.
        summary: The model's summary, which names the inputs and outputs.
        transforms: The list, e.g. fold_constants(ignore_errors=true) fold_batch_norms.
        transformed: The graph after all transforms.
    """
    from pathlib import Path

    from octavo.ends import read_ends
    from octavo.transform_graph.transform import transform_file

    ends = read_ends(summary.path)
    transform_file(Path(graph.path), Path(transformed.path), transforms, inputs=ends.inputs, outputs=ends.outputs)


@component
def freeze_ranges(
    *,
    graph: dsl.Input[dsl.Model],
    log: dsl.Input[dsl.Artifact],
    summary: dsl.Input[dsl.Artifact],
    recipe: str = "",
    frozen: dsl.Output[dsl.Model],
) -> None:
    """Put calibrated ranges into a dynamic-range graph as constants.

    Args:
        graph: The dynamic-range graph, without logging.
        log: The merged min/max log.
        summary: The model's summary, which names the inputs and outputs.
        recipe: The recipe, a YAML or JSON document, whose part on calibration counts; empty for the default.
        frozen: The graph with every range frozen.
    """
    from pathlib import Path

    from octavo import flow
    from octavo.ends import read_ends
    from octavo.recipe import Recipe
    from octavo.transform_graph.transform import transform_file

    ends = read_ends(summary.path)
    transforms = flow.freeze_ranges(log.path, Recipe.parse(recipe))
    transform_file(Path(graph.path), Path(frozen.path), transforms, inputs=ends.inputs, outputs=ends.outputs)


@component
def fuse(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    recipe: str = "",
    fused: dsl.Output[dsl.Model],
) -> None:
    """Lower a graph with frozen ranges to INT8 kernels.

    Args:
        graph: The graph with every range frozen.
        summary: The model's summary, which names the inputs and outputs.
        recipe: The recipe, a YAML or JSON document, whose op set counts; empty for the default.
        fused: The INT8 graph.
    """
    from pathlib import Path

    from octavo import flow
    from octavo.ends import read_ends
    from octavo.recipe import Recipe
    from octavo.transform_graph.transform import transform_file

    ends = read_ends(summary.path)
    transforms = flow.fuse(Recipe.parse(recipe))
    transform_file(Path(graph.path), Path(fused.path), transforms, inputs=ends.inputs, outputs=ends.outputs)
