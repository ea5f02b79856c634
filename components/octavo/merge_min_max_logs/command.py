"""`octavo merge-min-max-logs`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("merge-min-max-logs")
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="The merged log.")
def command(logs: tuple[Path, ...], output: Path) -> None:
    """Merge min/max LOGS into one, in an order that does not depend on theirs.

    A log is what calibrate wrote, or the standard error of a program that ran the logged graph.
    """
    from octavo.graph.min_max_log import describe_skipped
    from octavo.merge_min_max_logs.merge import merge_logs

    log = merge_logs(logs, output)
    click.echo(f"{len(log)} records of {len(log.records)} nodes")
    if log.skipped:
        click.echo(f"skipped lines: {describe_skipped(log.skipped)}")
