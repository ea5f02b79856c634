"""`octavo register`: what the chart's job runs after an installation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from octavo.cluster.kubeflow import OLDEST, Endpoint, asked, connect, endpoint_options, quiet, version
from octavo.errors import SpecError

FILE = click.Path(path_type=Path)


@click.command("register")
@click.option("--registration", "document", type=FILE, required=True, help="What the server should hold, as YAML.")
@click.option("--pipeline-file", type=FILE, help="The compiled pipeline; where nothing is to be uploaded, left out.")
@click.option(
    "--remove-schedules",
    is_flag=True,
    help="Delete the registration's schedules, or disable those of which a run goes on, and do nothing else.",
)
@endpoint_options(wait_seconds=60)
def command(document: Path, pipeline_file: Path | None, remove_schedules: bool, **where: Any) -> None:
    """Upload the pipeline to Kubeflow Pipelines if this version is absent, and make its schedules those listed.

    Running it again changes nothing, but deletes what runs that have ended had kept. Schedules that it did not make are
    left alone.
    """
    from octavo.cluster.register import reconcile
    from octavo.cluster.register.registration import Registration

    if where["host"] is None:
        raise SpecError("--host is missing; wanted the address of Kubeflow Pipelines, http(s)://host:port")
    registration = Registration.parse(_read(document))
    if pipeline_file is not None:
        _read(pipeline_file)
    endpoint = Endpoint(**where)
    client = connect(endpoint)
    if not remove_schedules and not version(endpoint.host, client):
        click.echo(f"the server does not say its version; wanted {'.'.join(map(str, OLDEST))} or later")

    def change() -> list[str]:
        if remove_schedules:
            return reconcile.remove_schedules(client, registration, namespace=endpoint.namespace)
        return reconcile.register(client, registration, pipeline_file, namespace=endpoint.namespace)

    with quiet():
        done = asked(endpoint.host, change)
    for line in done or ["nothing to change"]:
        click.echo(line)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise SpecError(f"{str(file)!r} cannot be read: {fault}") from fault
