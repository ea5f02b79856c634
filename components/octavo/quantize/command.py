"""`octavo quantize`: the whole chain in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from octavo import flow
from octavo.options import COMMA_LIST
from octavo.progress import StepLines

AT_LEAST_0, AT_LEAST_1 = click.IntRange(min=0), click.IntRange(min=1)
POINTS = click.FloatRange(min=0)


@click.command("quantize")
@click.argument("model")
@click.option("--calibration", required=True, help="Examples that the ranges are taken from.")
@click.option("--validation", help="Labelled examples that accuracy is measured on.")
@click.option("--output", required=True, help="Folder for int8.pb, summary.json, decisions.json and report.html.")
@click.option("--recipe", type=click.Path(path_type=Path), help="Recipe file, YAML or JSON.")
@click.option("--preprocessing", default="unit", show_default=True, help="A preset's name, or a document.")
@click.option("--inputs", type=COMMA_LIST, default="", help="Names of the inputs; found when left out.")
@click.option("--outputs", type=COMMA_LIST, default="", help="Names of the outputs; found when left out.")
@click.option("--batch-size", type=AT_LEAST_1, default=flow.BATCH_SIZE, show_default=True, help="Examples a batch.")
@click.option("--shards", type=AT_LEAST_1, default=1, show_default=True, help="Parts to calibrate at least.")
@click.option("--workers", type=AT_LEAST_1, default=1, show_default=True, help="Processes that calibrate and evaluate.")
@click.option(
    "--limit",
    type=AT_LEAST_0,
    default=flow.CALIBRATION_LIMIT,
    show_default=True,
    help="Calibration examples at most; 0 for all.",
)
@click.option("--seed", default=0, show_default=True, help="Choose these at random; 0 takes the first ones.")
@click.option(
    "--tolerance",
    type=POINTS,
    default=flow.TOLERANCE,
    show_default=True,
    help="Points of top-1 that INT8 may lose.",
)
def command(model: str, output: str, recipe: Path | None, **options: Any) -> None:
    """Quantize MODEL in one process: a path, or a URI at s3://, minio://, gs:// or file://.

    MODEL is a frozen graph, a folder with graph.pb or graph.pbtxt and a checkpoint, a SavedModel folder or
    a Keras file. Data sets are folders of images or .npz files. Nothing is written when a step fails, or
    when the INT8 graph loses more top-1 than --tolerance. That --output can be written is tried first.
    """
    from octavo.quantize.quantize import Job, quantized
    from octavo.recipe import load_recipe
    from octavo.report.table import table
    from octavo.storage import prove_writable

    job = Job(model=model, recipe=load_recipe(recipe), **options)
    prove_writable(output)
    with StepLines(Console(stderr=True)) as lines, quantized(job, lines.step) as made:
        try:
            with lines.step("Publish"):
                made.publish(output)
        finally:
            Console().print(table(made.result))
