"""The KFP component of plan_shards."""

from kfp import dsl

from octavo.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def plan_shards(
    *,
    dataset_uri: str,
    shards: int,
    batch_size: int,
    manifest: dsl.Output[dsl.Artifact],
    limit: int = 0,
    seed: int = 0,
) -> list[dict[str, int]]:
    """Split a data set into shards of whole batches, for a loop over calibrate.

    Args:
        dataset_uri: A folder, a file, a pattern or a manifest of images, TFRecords or arrays.
        shards: How many shards, at most 1000; fewer come out when there are fewer batches.
        batch_size: Examples a batch; shards end where batches end.
        manifest: The examples of the plan, a data set of its own that nobody needs to list or count again.
        limit: Use that many examples only; 0 for all.
        seed: Chooses examples at random, which only the manifest says; 0 takes the first ones.

    Returns:
        The shards: index, start and stop.
    """
    from pathlib import Path

    from octavo.plan_shards.plan import plan_shards

    planned = plan_shards(
        dataset_uri,
        shards=shards,
        batch_size=batch_size,
        limit=limit,
        seed=seed,
        manifest=Path(manifest.path),
    )
    return [shard.model_dump() for shard in planned]
