"""The KFP components of plan_shards: the turns of the loops over calibration and over evaluation."""

from kfp import dsl

from octavo.component import component


@component
def plan_calibration(
    *,
    graph: dsl.Input[dsl.Model],
    dataset_uri: str,
    shards: int,
    batch_size: int,
    preprocessing: str,
    target_uri: str,
    parts: dsl.OutputPath(str),  # type: ignore[valid-type]
    work_uri: str = "",
    recipe: str = "",
    limit: int = 0,
    seed: int = 0,
    reuse: bool = True,
) -> list[dict[str, str]]:
    """Split a data set into shards of whole batches, for a loop over calibrate.

    Args:
        graph: The dynamic-range graph with logging inserted.
        dataset_uri: A folder, a file, a pattern or a manifest of images, TFRecords or arrays.
        shards: How many shards; fewer come out when there are fewer batches.
        batch_size: Examples a batch; shards end where batches end.
        preprocessing: A preset's name, or a preprocessing document.
        target_uri: The folder that the run publishes to; what pods hand on comes together in the folder around it.
        parts: The URI of the loop's folder, for merge_min_max_logs.
        work_uri: The folder for what pods hand on, where it is to be another.
        recipe: The recipe, a YAML or JSON document; empty for the default.
        limit: Use that many examples only; 0 for all.
        seed: Chooses examples at random; 0 takes the first ones.
        reuse: Whether what an earlier run left of the same graph, examples and settings is taken.

    Returns:
        The turns that are left to be done.
    """
    from octavo.graph_folder import graph_folder
    from octavo.plan_shards.loops import plan_for_pods

    return plan_for_pods(
        {"min_max_log": graph_folder(graph.path)},
        parts,
        target_uri=target_uri,
        work_uri=work_uri,
        dataset_uri=dataset_uri,
        shards=shards,
        batch_size=batch_size,
        preprocessing=preprocessing,
        recipe=recipe,
        limit=limit,
        seed=seed,
        reuse=reuse,
    )


@component
def plan_evaluation(
    *,
    fp32_graph: dsl.Input[dsl.Model],
    int8_graph: dsl.Input[dsl.Model],
    dataset_uri: str,
    shards: int,
    batch_size: int,
    preprocessing: str,
    target_uri: str,
    parts: dsl.OutputPath(str),  # type: ignore[valid-type]
    work_uri: str = "",
    reuse: bool = True,
) -> list[dict[str, str]]:
    """Split a labelled data set into shards of whole batches, for a loop over evaluate_shard: each by each graph.

    Args:
        fp32_graph: The optimized FP32 graph.
        int8_graph: The INT8 graph.
        dataset_uri: A folder, a file, a pattern or a manifest of labelled images, TFRecords or arrays.
        shards: How many shards; fewer come out when there are fewer batches.
        batch_size: Examples a batch; shards end where batches end.
        preprocessing: A preset's name, or a preprocessing document.
        target_uri: The folder that the run publishes to; what pods hand on comes together in the folder around it.
        parts: The URI of the loop's folder, for merge_evaluations.
        work_uri: The folder for what pods hand on, where it is to be another.
        reuse: Whether what an earlier run left of the same graphs, examples and settings is taken.

    Returns:
        The turns that are left to be done.
    """
    from octavo.graph_folder import graph_folder
    from octavo.plan_shards.loops import plan_for_pods

    return plan_for_pods(
        {"fp32": graph_folder(fp32_graph.path), "int8": graph_folder(int8_graph.path)},
        parts,
        target_uri=target_uri,
        work_uri=work_uri,
        dataset_uri=dataset_uri,
        shards=shards,
        batch_size=batch_size,
        preprocessing=preprocessing,
        reuse=reuse,
    )
