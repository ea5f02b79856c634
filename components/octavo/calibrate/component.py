"""The KFP component of calibrate."""

from kfp import dsl

from octavo.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def calibrate(
    *,
    graph: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    dataset_uri: str,
    shard: dict[str, int],
    preprocessing: str,
    batch_size: int,
    log: dsl.Output[dsl.Artifact],
) -> None:
    """Run one shard of a data set through the logged graph and write the min/max log of its ranges.

    Args:
        graph: The dynamic-range graph with logging inserted.
        summary: The model's summary, which names the inputs and outputs.
        dataset_uri: The data set; only the shard's examples are read.
        shard: One of the shards that plan_shards made.
        preprocessing: A preset's name, or a preprocessing document.
        batch_size: Examples a batch, as the shards were planned.
        log: The min/max log.
    """
    from pathlib import Path

    from octavo.calibrate.calibrate import calibrate_file
    from octavo.data.shard import Shard
    from octavo.ends import read_ends

    calibrate_file(
        Path(graph.path),
        Path(log.path),
        dataset_uri=dataset_uri,
        shard=Shard.model_validate(shard),
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=read_ends(summary.path).inputs,
    )
