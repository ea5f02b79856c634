"""The KFP components of transform_graph: any transform list, and those that the steps of the chain apply."""

from kfp import dsl

from octavo.component import component


@component
def transform_graph(
    *,
    graph: dsl.Input[dsl.Model],
    transforms: str,
    transformed_graph: dsl.Output[dsl.Model],
) -> None:
    """Apply a list of transforms to a graph.

    Args:
        graph: A frozen graph.
        transforms: The list, e.g. fold_constants(ignore_errors=true) fold_batch_norms.
        transformed_graph: The graph after all transforms.
    """
    from octavo.graph_folder import graph_folder, new_graph_folder
    from octavo.transform_graph.step import apply_transforms

    source = graph_folder(graph.path)
    made = new_graph_folder(transformed_graph.path, after=source)
    apply_transforms(source, made, transforms)
    transformed_graph.metadata.update(made.facts())


@component
def optimize(*, graph: dsl.Input[dsl.Model], fp32_graph: dsl.Output[dsl.Model]) -> None:
    """Make a frozen graph ready: no training nodes, batch norms in the filters, products as MatMul, a free batch.

    Args:
        graph: A frozen graph.
        fp32_graph: The graph that computes the same, optimized.
    """
    from octavo.graph_folder import graph_folder, new_graph_folder
    from octavo.transform_graph.step import optimize_graph

    source = graph_folder(graph.path)
    made = new_graph_folder(fp32_graph.path, after=source)
    optimize_graph(source, made)
    fp32_graph.metadata.update(made.facts())


@component
def insert_logging(*, graph: dsl.Input[dsl.Model], logged_graph: dsl.Output[dsl.Model]) -> None:
    """Put a Print behind every range of a dynamic-range graph.

    Args:
        graph: The dynamic-range graph.
        logged_graph: What calibration runs.
    """
    from octavo.graph_folder import graph_folder, new_graph_folder
    from octavo.transform_graph.step import log_ranges

    source = graph_folder(graph.path)
    made = new_graph_folder(logged_graph.path, after=source)
    log_ranges(source, made)
    logged_graph.metadata.update(made.facts())


@component
def freeze_ranges(
    *,
    graph: dsl.Input[dsl.Model],
    log: dsl.Input[dsl.Artifact],
    ranged_graph: dsl.Output[dsl.Model],
    recipe: str = "",
) -> None:
    """Put calibrated ranges into a dynamic-range graph as constants.

    Args:
        graph: The dynamic-range graph, without logging.
        log: The merged min/max log.
        ranged_graph: The graph with every range frozen.
        recipe: The recipe, a YAML or JSON document, whose part on calibration counts; empty for the default.
    """
    from octavo.graph_folder import graph_folder, new_graph_folder
    from octavo.transform_graph.step import freeze_log

    source = graph_folder(graph.path)
    made = new_graph_folder(ranged_graph.path, after=source)
    freeze_log(source, made, log.path, recipe)
    ranged_graph.metadata.update(made.facts())


@component
def fuse(
    *,
    graph: dsl.Input[dsl.Model],
    int8_graph: dsl.Output[dsl.Model],
    recipe: str = "",
) -> None:
    """Lower a graph with frozen ranges to INT8 kernels.

    Args:
        graph: The graph with every range frozen.
        int8_graph: The INT8 graph.
        recipe: The recipe, a YAML or JSON document, whose op set counts; empty for the default.
    """
    from octavo.graph_folder import graph_folder, new_graph_folder
    from octavo.transform_graph.step import fuse_kernels

    source = graph_folder(graph.path)
    made = new_graph_folder(int8_graph.path, after=source)
    fuse_kernels(source, made, recipe)
    int8_graph.metadata.update(made.facts())
