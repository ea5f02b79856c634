"""`octavo publish_model`: copy an INT8 model to its target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


@click.command("publish-model")
@click.argument("int8_graph", type=click.Path(path_type=Path))
@click.option("--summary", type=click.Path(path_type=Path), required=True, help="The summary.json of the report.")
@click.option("--report", type=click.Path(path_type=Path), help="The report's page; left out when not given.")
@click.option("--decisions", type=click.Path(path_type=Path), help="What quantize_graph decided, for explain.")
@click.option("--target", required=True, help="Folder to write to: a path, s3://, minio://, gs:// or file://.")
@click.option("--tolerance", type=float, required=True, help="Points of top-1 that INT8 may lose.")
def command(int8_graph: Path, summary: Path, report: Path | None, target: str, **options: Any) -> None:
    """Write INT8_GRAPH, its summary and its report to a folder in object storage, if it is accurate enough.

    Nothing is written when the graph lost more top-1 than the tolerance, when the FP32 graph itself only guesses, or
    when the summary is another graph's.
    """
    from octavo.publish_model.publish import publish_model

    for uri in publish_model(int8_graph, summary, report, target, **options):
        click.echo(uri)
