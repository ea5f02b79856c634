"""The KFP component of plan_shards."""

from kfp import dsl

from octavo.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def plan_shards(*, dataset_uri: str, shards: int, batch_size: int, limit: int = 0) -> list[dict[str, int]]:
    """Split a data set into shards of whole batches, for a loop over calibrate.

    Args:
        dataset_uri: A folder of images, with labels.csv or a folder for each class, or an .npz file with x and y.
        shards: How many shards, at most 100; fewer come out when there are fewer batches.
        batch_size: Examples a batch; shards end where batches end.
        limit: Use the first examples only; 0 for all.

    Returns:
        The shards: index, start and stop.
    """
    from octavo.plan_shards.plan import plan_shards

    planned = plan_shards(dataset_uri, shards=shards, batch_size=batch_size, limit=limit)
    return [shard.model_dump() for shard in planned]
