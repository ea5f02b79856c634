"""The KFP component of calibrate."""

from kfp import dsl

from octavo.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def calibrate(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    manifest: dsl.Input[dsl.Artifact],
    shard: dict[str, int],
    preprocessing: str,
    batch_size: int,
    log: dsl.Output[dsl.Artifact],
    recipe: str = "",
) -> None:
    """Run one shard of a data set through the logged graph and write the min/max log of its ranges.

    Args:
        graph: The dynamic-range graph with logging inserted.
        summary: The model's summary, which names the inputs and outputs.
        manifest: The data set, as plan_shards wrote it down; only the shard's examples are read.
        shard: One of the shards that plan_shards made.
        preprocessing: A preset's name, or a preprocessing document.
        batch_size: Examples a batch, as the shards were planned.
        log: The min/max log.
        recipe: The recipe, a YAML or JSON document, whose part on calibration counts; empty for the default.
    """
    from pathlib import Path

    from octavo.calibrate.calibrate import calibrate_file
    from octavo.data.shard import Shard
    from octavo.ends import read_ends
    from octavo.recipe import Recipe

    calibrate_file(
        Path(graph.path),
        Path(log.path),
        dataset_uri=manifest.path,
        shard=Shard.model_validate(shard),
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=read_ends(summary.path).inputs,
        calibration=Recipe.parse(recipe).calibration,
    )
