"""`octavo submit`: a run on a cluster, from the desk."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml
from rich.console import Console

from octavo.cluster.kubeflow import PIPELINE, Endpoint, connect, endpoint_options
from octavo.errors import SpecError
from octavo.progress import StepLines
from octavo.storage import download, join

if TYPE_CHECKING:
    from octavo.cluster.submit.follow import Run

RESULTS = ("summary.json", "report.html")


@click.command("submit")
@endpoint_options(wait_seconds=10)
@click.option("--argo-template", help="Start a Workflow of this WorkflowTemplate instead, through the kubeconfig.")
@click.option("--pipeline", default=PIPELINE, show_default=True, help="The registered pipeline.")
@click.option("--version", "version", default="", help="Its version; the newest when left out.")
@click.option("--experiment", default="octavo", show_default=True, help="Experiment; made when it is missing.")
@click.option("--name", default="", help="The run's name; the model's and the time when left out.")
@click.option("--parameters", type=click.Path(path_type=Path), help="File with the run's parameters, YAML or JSON.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="One parameter; counts over the file.")
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the run's summary.json and report.html.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Wait for the end and show the steps.")
@click.option("--poll-seconds", default=5.0, show_default=True, help="How often to ask how far it is.")
@click.option("--dry-run", is_flag=True, help="Print what would be sent, and send nothing.")
def command(
    *,
    parameters: Path | None,
    settings: tuple[str, ...],
    output: Path | None,
    follow: bool,
    poll_seconds: float,
    dry_run: bool,
    **options: Any,
) -> None:
    """Start a run on Kubeflow Pipelines (--host) or Argo Workflows (--argo-template), and follow it.

    A step that fails is named with the reason and the end of its log. At the end the summary and the report are
    fetched from the run's target_uri into --output.
    """
    from octavo.cluster.submit.follow import follow as follow_to_the_end
    from octavo.cluster.submit.parameters import read_parameters, run_name

    if (options["host"] is None) == (options["argo_template"] is None):
        raise SpecError("wanted one of --host (Kubeflow Pipelines) and --argo-template (Argo Workflows)")
    given = read_parameters(parameters, settings)
    options["name"] = options["name"] or run_name(str(given.get("model_uri", "")), time.localtime())
    if dry_run:
        click.echo(_preview(options, given), nl=False)
        return
    run = _start(options, given)
    click.echo(f"started: {run.link}")
    if not follow:
        return
    with StepLines(Console(stderr=True)) as lines:
        follow_to_the_end(run, lines, poll_seconds=poll_seconds)
    _results(str(given.get("target_uri", "")), output)


def _start(options: dict[str, Any], given: dict[str, Any]) -> Run:
    if options["argo_template"] is not None:
        from octavo.cluster.kubernetes import kubernetes_client
        from octavo.cluster.submit import on_argo

        namespace, template = options["namespace"] or "default", options["argo_template"]
        return on_argo.start(
            kubernetes_client(),
            namespace=namespace,
            template=template,
            given=given,
            wait_seconds=options["wait_seconds"],
        )
    from octavo.cluster.submit import on_kubeflow

    endpoint = Endpoint(**{key: options[key] for key in ("host", "namespace", "token_file", "cookies", "wait_seconds")})
    chosen = {key: options[key] for key in ("namespace", "pipeline", "version", "experiment", "name")}
    return on_kubeflow.start(connect(endpoint), endpoint.host, given=given, **chosen)


def _preview(options: dict[str, Any], given: dict[str, Any]) -> str:
    if options["argo_template"] is not None:
        from octavo.cluster.submit.on_argo import workflow

        document = workflow(options["argo_template"], given)
        document["metadata"]["namespace"] = options["namespace"] or "default"
    else:
        shown = ("host", "namespace", "pipeline", "version", "experiment", "name")
        document = {key: options[key] for key in shown if options[key]} | {"parameters": given}
    return str(yaml.safe_dump(document, sort_keys=False, width=120))


def _results(target_uri: str, output: Path | None) -> None:
    """Fetch the summary and the report, or say where they are."""
    for name in RESULTS if target_uri else ():
        uri = join(target_uri, name)
        if output is not None:
            download(uri, output / name)
        click.echo(str(output / name) if output is not None else uri)
