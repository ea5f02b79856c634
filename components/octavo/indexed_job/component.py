"""The KFP components of indexed_job: a loop's turns in one Job, in place of the loop."""

from kfp import dsl

from octavo.component import component


@component
def calibrate_in_job(*, graph: dsl.Input[dsl.Model], parts: str, job: dict[str, object]) -> int:
    """Do all turns of a loop over calibrate, in the pods of one Kubernetes Indexed Job, for merge_min_max_logs.

    Args:
        graph: The dynamic-range graph with logging inserted.
        parts: The loop's folder, as plan_calibration named it.
        job: What the pods have of their own: parallelism, resources, and optionally service_account.

    Returns:
        How many turns were left to be done.
    """
    from octavo.graph_folder import graph_folder
    from octavo.indexed_job.run import run_in_job

    return run_in_job("calibrate", {"min_max_log": graph_folder(graph.path)}, parts, job)


@component
def evaluate_in_job(
    *, fp32_graph: dsl.Input[dsl.Model], int8_graph: dsl.Input[dsl.Model], parts: str, job: dict[str, object]
) -> int:
    """Do all turns of a loop over evaluate_shard, in the pods of one Kubernetes Indexed Job, for merge_evaluations.

    Args:
        fp32_graph: The optimized FP32 graph.
        int8_graph: The INT8 graph.
        parts: The loop's folder, as plan_evaluation named it.
        job: What the pods have of their own: parallelism, resources, and optionally service_account.

    Returns:
        How many turns were left to be done.
    """
    from octavo.graph_folder import graph_folder
    from octavo.indexed_job.run import run_in_job

    graphs = {"fp32": graph_folder(fp32_graph.path), "int8": graph_folder(int8_graph.path)}
    return run_in_job("evaluate", graphs, parts, job)
