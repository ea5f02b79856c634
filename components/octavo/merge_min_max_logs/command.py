"""`octavo merge-min-max-logs`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("merge-min-max-logs")
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The merged log.")
@click.option("--recipe", type=click.Path(path_type=Path), help="Recipe file, which may allow shards to fail.")
@click.option(
    "--shards", type=click.Path(path_type=Path), help="What plan_shards wrote to --output; each must have its log."
)
def command(logs: tuple[Path, ...], output: Path, recipe: Path | None, shards: Path | None) -> None:
    """Merge min/max LOGS into one, in an order that does not depend on theirs.

    A log is what calibrate wrote, or the standard error of a program that ran the logged graph, plain or compressed by
    gzip.
    """
    from octavo.data.shard import read_shards
    from octavo.merge_min_max_logs.merge import merge_logs, notes_on
    from octavo.recipe import load_recipe

    required = load_recipe(recipe).calibration.required_examples
    planned = () if shards is None else read_shards(shards)
    log = merge_logs(logs, output, required_examples=required, shards=planned)
    click.echo(f"{len(log)} records of {len(log.nodes)} nodes")
    for note in notes_on(log):
        click.echo(note)
