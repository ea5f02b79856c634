"""`octavo lint-pipeline`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("lint-pipeline")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--component", is_flag=True, help="They are components: resources and retries are their users' to set.")
def command(files: tuple[Path, ...], component: bool) -> None:
    """Say what in compiled KFP pipelines compiles and then fails on a cluster; exit status 2 where anything does.

    FILES are YAML files that kfp compiled. Every task must also have CPU and memory requests and limits, and retries.
    """
    from octavo.errors import SpecError
    from octavo.lint_pipeline.lint import lint

    faults = [f"{file}: {fault}" for file in files for fault in lint(file, component=component)]
    for fault in faults:
        click.echo(fault)
    if faults:
        raise SpecError(f"{len(faults)} faults in {len(files)} compiled files: the lines above name each")
