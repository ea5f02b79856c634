"""The KFP components of indexed_job: a step's shards in one Job, in place of a loop."""

from typing import Any

from kfp import dsl

from octavo.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def calibrate_in_job(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    manifest: dsl.Input[dsl.Artifact],
    plan: dsl.Input[dsl.Artifact],
    preprocessing: str,
    batch_size: int,
    job: dict[str, Any],
    recipe: str = "",
) -> int:
    """Run calibrate on all shards of a plan, in the pods of one Kubernetes Indexed Job, for merge_min_max_logs.

    Args:
        graph: The dynamic-range graph with logging inserted.
        summary: The model's summary, which names the inputs and outputs.
        manifest: The data set, as plan_shards wrote it down.
        plan: The plan of all shards, as plan_shards wrote it; each pod leaves its log in the plan's folder.
        preprocessing: A preset's name, or a preprocessing document.
        batch_size: Examples a batch, as the shards were planned.
        job: What the pods have of their own: parallelism, resources, and optionally service_account.
        recipe: The recipe, a YAML or JSON document, whose part on calibration counts; empty for the default.

    Returns:
        How many shards there were.
    """
    from pathlib import Path

    from octavo.indexed_job.run import run_in_job

    artifacts = {"graph": graph, "summary": summary, "manifest": manifest, "plan": plan}
    return run_in_job(
        "calibrate",
        "calibrate",
        artifacts={name: Path(each.path) for name, each in artifacts.items()},
        parameters={"preprocessing": preprocessing, "batch_size": batch_size, "recipe": recipe},
        settings=job,
    )


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def evaluate_in_job(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    manifest: dsl.Input[dsl.Artifact],
    plan: dsl.Input[dsl.Artifact],
    name: str,
    preprocessing: str,
    batch_size: int,
    job: dict[str, Any],
) -> int:
    """Run evaluate_shard on all shards of a plan, in the pods of one Kubernetes Indexed Job, for merge_evaluations.

    Args:
        graph: A frozen graph, FP32 or INT8.
        summary: The model's summary, which names the inputs and outputs.
        manifest: The data set, as plan_shards wrote it down.
        plan: The plan of all shards, as plan_shards wrote it; each pod leaves its ranking in the plan's folder.
        name: Tells the graph from others that are evaluated on the same shards.
        preprocessing: A preset's name, or a preprocessing document.
        batch_size: Examples a batch, as the shards were planned.
        job: What the pods have of their own: parallelism, resources, and optionally service_account.

    Returns:
        How many shards there were.
    """
    from pathlib import Path

    from octavo.indexed_job.run import run_in_job

    artifacts = {"graph": graph, "summary": summary, "manifest": manifest, "plan": plan}
    return run_in_job(
        "evaluate_shard",
        f"evaluate-{name}",
        artifacts={name: Path(each.path) for name, each in artifacts.items()},
        parameters={"name": name, "preprocessing": preprocessing, "batch_size": batch_size},
        settings=job,
    )
