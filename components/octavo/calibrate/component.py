"""The KFP component of calibrate."""

from kfp import dsl

from octavo.component import component


@component
def calibrate(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    manifest: dsl.Input[dsl.Artifact],
    plan: dsl.Input[dsl.Artifact],
    shard: dict[str, int],
    preprocessing: str,
    batch_size: int,
    log: dsl.Output[dsl.Artifact],
    recipe: str = "",
) -> None:
    """Run one shard of a data set through the logged graph and write the min/max log of its ranges.

    The log is left in the plan's folder as well, for merge_min_max_logs.

    Args:
        graph: The dynamic-range graph with logging inserted.
        summary: The model's summary, which names the inputs and outputs.
        manifest: The data set, as plan_shards wrote it down; only the shard's examples are read.
        plan: The plan of all shards, as plan_shards wrote it.
        shard: One of the shards that plan_shards made.
        preprocessing: A preset's name, or a preprocessing document.
        batch_size: Examples a batch, as the shards were planned.
        log: The min/max log.
        recipe: The recipe, a YAML or JSON document, whose part on calibration counts; empty for the default.
    """
    from pathlib import Path

    from octavo.calibrate.calibrate import calibrate_file
    from octavo.data.plan import read_plan
    from octavo.data.shard import Shard
    from octavo.ends import read_ends
    from octavo.recipe import Recipe

    mine = Shard.model_validate(shard)
    calibrate_file(
        Path(graph.path),
        Path(log.path),
        dataset_uri=manifest.path,
        shard=mine,
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=read_ends(summary.path).inputs,
        calibration=Recipe.parse(recipe).calibration,
    )
    read_plan(Path(plan.path)).leave("min_max_log", mine, Path(log.path))
