"""`octavo run-shard`."""

from __future__ import annotations

import click


@click.command("run-shard")
@click.option("--inputs", required=True, help="URI of the folder in which the step has stored what its pods need.")
@click.option(
    "--index",
    type=click.IntRange(min=0),
    required=True,
    envvar="JOB_COMPLETION_INDEX",
    show_envvar=True,
    help="The shard.",
)
def command(*, inputs: str, index: int) -> None:
    """Run one shard of a step, as each pod of an Indexed Job does; Kubernetes names the shard."""
    from octavo.indexed_job.shard import run_shard
    from octavo.notes import shown

    with shown():
        run_shard(inputs, index)
