"""`octavo plan-shards`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from octavo.files import write_json


@click.command("plan-shards")
@click.option("--dataset", required=True, help="The data set: a folder of images or an .npz file, as a path or URI.")
@click.option("--shards", default=1, show_default=True, help="How many shards, at most.")
@click.option("--batch-size", default=32, show_default=True, help="Examples a batch; shards end where batches end.")
@click.option("--limit", default=0, show_default=True, help="Use the first examples only; 0 for all.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the shards to this JSON file.")
def command(dataset: str, shards: int, batch_size: int, limit: int, output: Path | None) -> None:
    """Split a data set into shards of whole batches, each for one run of calibrate."""
    from octavo.plan_shards.plan import plan_shards

    planned = plan_shards(dataset, shards=shards, batch_size=batch_size, limit=limit)
    documents = [shard.model_dump() for shard in planned]
    if output is not None:
        write_json(output, documents)
    for document in documents:
        click.echo(json.dumps(document))
