"""`octavo calibrate`."""

from __future__ import annotations

from pathlib import Path

import click

from octavo.notes import shown
from octavo.options import COMMA_LIST


@click.command("calibrate")
@click.option("--in-graph", required=True, type=click.Path(path_type=Path), help="The logged graph.")
@click.option("--log", required=True, type=click.Path(path_type=Path), help="The min/max log to write.")
@click.option("--dataset", required=True, help="The data set: a folder of images or an .npz file, as a path or URI.")
@click.option("--start", default=0, show_default=True, help="The shard's first example.")
@click.option("--stop", type=int, help="One past the shard's last example; the data set's end when left out.")
@click.option("--preprocessing", default="unit", show_default=True, help="A preset's name, or a document.")
@click.option("--batch-size", default=32, show_default=True, help="Examples a batch, as the shards were planned.")
@click.option("--inputs", type=COMMA_LIST, default="", help="Names of the inputs; found when left out.")
@click.option("--recipe", type=click.Path(path_type=Path), help="Recipe file, whose part on calibration counts.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes at a time.")
def command(
    *,
    in_graph: Path,
    log: Path,
    dataset: str,
    start: int,
    stop: int | None,
    preprocessing: str,
    batch_size: int,
    inputs: tuple[str, ...],
    recipe: Path | None,
    workers: int,
) -> None:
    """Run a shard of a data set through the logged graph and write the min/max log of its ranges.

    The log is the same whatever the number of processes. One that dies is begun again, twice at most.
    """
    from octavo.calibrate.calibrate import calibrate_file
    from octavo.data.dataset import open_dataset
    from octavo.data.shard import make_shard
    from octavo.recipe import load_recipe

    shard = make_shard(start, len(open_dataset(dataset)) if stop is None else stop)
    calibration = load_recipe(recipe).calibration
    with shown():
        calibrate_file(
            in_graph,
            log,
            dataset_uri=dataset,
            shard=shard,
            preprocessing=preprocessing,
            batch_size=batch_size,
            inputs=inputs,
            calibration=calibration,
            workers=workers,
        )
