"""`octavo plan-shards`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from octavo.files import write_json


@click.command("plan-shards")
@click.option("--dataset", required=True, help="The data set: a folder, a file, a pattern or a manifest, path or URI.")
@click.option("--shards", default=1, show_default=True, help="How many shards, at most.")
@click.option("--batch-size", default=32, show_default=True, help="Examples a batch; shards end where batches end.")
@click.option("--limit", default=0, show_default=True, help="Use that many examples only; 0 for all.")
@click.option("--seed", default=0, show_default=True, help="Choose examples at random; 0 takes the first ones.")
@click.option("--most-bytes", default=0, show_default=True, help="Split shards of more bytes further; 0 for no limit.")
@click.option("--manifest", type=click.Path(path_type=Path), help="Write the examples to this file, as a data set.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the shards to this JSON file.")
def command(
    *,
    dataset: str,
    shards: int,
    batch_size: int,
    limit: int,
    seed: int,
    most_bytes: int,
    manifest: Path | None,
    output: Path | None,
) -> None:
    """Split a data set into shards of whole batches, each for one run of calibrate.

    With --manifest, give calibrate that file for its data set: nothing is listed or counted again then.
    """
    from octavo.plan_shards.plan import plan_shards

    planned = plan_shards(
        dataset,
        shards=shards,
        batch_size=batch_size,
        limit=limit,
        seed=seed,
        most_bytes=most_bytes,
        manifest=manifest,
    )
    documents = [shard.model_dump() for shard in planned]
    if output is not None:
        write_json(output, documents)
    for document in documents:
        click.echo(json.dumps(document))
