"""`octavo fetch_model`: copy a model from object storage."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("fetch-model")
@click.argument("model")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder for model.json and the files.")
def command(*, model: str, output: Path) -> None:
    """Copy MODEL into a folder and record the size and checksum of each file.

    MODEL is a path or a URI (s3://, minio://, gs://, file://) of a .pb, .pbtxt, .keras or .h5 file, of a folder with
    graph.pb or graph.pbtxt and its checkpoint, or of a SavedModel folder.
    """
    from octavo.fetch_model.fetch import fetch_model

    record = fetch_model(model, output)
    click.echo(f"{record.kind.replace('_', ' ')}: {output / record.graph}")
    for file in record.files:
        click.echo(f"  {file.bytes:>13,}  {file.sha256[:12]}  {file.path}")
