"""The KFP components of plan_shards: planning a loop, and clearing up behind it."""

from kfp import dsl

from octavo.component import component


@component
def plan_shards(
    *,
    dataset_uri: str,
    shards: int,
    batch_size: int,
    target_uri: str,
    manifest: dsl.Output[dsl.Artifact],
    plan: dsl.Output[dsl.Artifact],
    limit: int = 0,
    seed: int = 0,
) -> list[dict[str, int]]:
    """Split a data set into shards of whole batches, for a loop over calibrate.

    Args:
        dataset_uri: A folder, a file, a pattern or a manifest of images, TFRecords or arrays.
        shards: How many shards, at most 1000; fewer come out when there are fewer batches.
        batch_size: Examples a batch; shards end where batches end.
        target_uri: A folder in a store, in which what the pods of the loop make comes together; proved writable.
        manifest: The examples of the plan, a data set of its own that nobody needs to list or count again.
        plan: The shards, and the folder under target_uri for what their pods make.
        limit: Use that many examples only; 0 for all.
        seed: Chooses examples at random, which only the manifest says; 0 takes the first ones.

    Returns:
        The shards: index, start and stop.
    """
    from pathlib import Path

    from octavo.data.plan import make_plan
    from octavo.files import write_json
    from octavo.plan_shards.plan import plan_shards
    from octavo.storage import prove_writable

    prove_writable(target_uri)
    planned = plan_shards(
        dataset_uri,
        shards=shards,
        batch_size=batch_size,
        limit=limit,
        seed=seed,
        manifest=Path(manifest.path),
    )
    write_json(plan.path, make_plan(planned, target_uri).model_dump())
    return [shard.model_dump() for shard in planned]


@component
def clear_parts(*, plan: dsl.Input[dsl.Artifact], evaluation_plan: dsl.Input[dsl.Artifact]) -> int:
    """Delete what the pods of two loops have left in the store, when it has been merged.

    Args:
        plan: The plan of one loop, as plan_shards wrote it.
        evaluation_plan: That of another.

    Returns:
        How many objects were deleted.
    """
    from pathlib import Path

    from octavo.data.plan import read_plan

    return read_plan(Path(plan.path)).clear() + read_plan(Path(evaluation_plan.path)).clear()
