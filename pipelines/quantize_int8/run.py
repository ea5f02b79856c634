"""Run pipeline.yaml on this machine, each task a process: the quick start, or any model and data."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import click
from rich.console import Console

from octavo import flow
from octavo.documents.result import Result
from octavo.errors import OctavoError
from octavo.local import run_compiled
from octavo.plan_shards.loops import reused
from octavo.progress import StepLines
from octavo.report.table import table
from octavo.runtime.supervisor import supervise
from octavo.storage import join, prove_writable

HERE = Path(__file__).resolve().parent
COMPILED = HERE / "pipeline.yaml"
QUICKSTART = HERE / "quickstart"
OUTPUTS = HERE.parents[1] / "local_outputs"


@click.command(context_settings={"show_default": True})
@click.option("--model", "model_uri", default=str(QUICKSTART / "model"), help="Path or URI of the model.")
@click.option("--calibration", "calibration_uri", default=str(QUICKSTART / "calibration.npz"), help="Examples.")
@click.option("--validation", "validation_uri", default=str(QUICKSTART / "validation.npz"), help="Labelled examples.")
@click.option("--target", "target_uri", default=str(OUTPUTS / "quickstart"), help="Folder to publish to.")
@click.option("--preprocessing", default="unit", help="A preset's name, or a document.")
@click.option("--inputs", "input_names", default="", help="Names of the inputs; found when left out.")
@click.option("--outputs", "output_names", default="", help="Names of the outputs; found when left out.")
@click.option("--recipe", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Recipe file.")
@click.option("--shards", default=flow.SHARDS, help="Calibration tasks.")
@click.option("--evaluation-shards", default=flow.EVALUATION_SHARDS, help="Evaluation tasks for each graph.")
@click.option("--batch-size", default=flow.BATCH_SIZE, help="Examples a batch.")
@click.option("--limit", "calibration_limit", default=flow.CALIBRATION_LIMIT, help="Calibration examples; 0 for all.")
@click.option("--seed", "calibration_seed", default=0, help="Choose these at random; 0 takes the first ones.")
@click.option("--tolerance", default=flow.TOLERANCE, help="Points of top-1 that INT8 may lose.")
@click.option("--work-uri", default="", help="Folder for what tasks hand on; the one around the target when left out.")
@click.option("--reuse/--no-reuse", default=True, help="Take what an earlier run calibrated and evaluated.")
@click.option(
    "--work", type=click.Path(path_type=Path), default=OUTPUTS / "runs", help="Folder for artifacts and logs."
)
def main(recipe: Path | None, work: Path, target_uri: str, **parameters: object) -> None:
    """Run the compiled pipeline on this machine and print what came out."""
    start = time.monotonic()
    console = Console(file=sys.stdout)  # kfp.local puts another stdout in its place
    root = work / time.strftime("%Y%m%d-%H%M%S")
    log = root / "pipeline.log"
    parameters |= {"recipe": recipe.read_text() if recipe else "", "target_uri": target_uri}
    try:
        prove_writable(target_uri)
        with StepLines(console) as lines:
            run_compiled(COMPILED, parameters, root=root, log=log, lines=lines)
    except OctavoError as fault:
        _print_figures(console, root)
        click.echo(f"octavo: error: {fault}", err=True)
        sys.exit(2)
    _print_figures(console, root)
    for note in reused(log.read_text(encoding="utf-8")):
        console.print(f"{note}; --no-reuse does all anew", soft_wrap=True)
    console.print(
        f"{time.monotonic() - start:.0f} s; report: {join(target_uri, 'report.html')}; everything printed: {log}",
        soft_wrap=True,
    )


def _print_figures(console: Console, root: Path) -> None:
    """The table of the run, as far as its report task came."""
    for result in root.glob("*/report/figures"):
        console.print(table(Result.read(result)))


if __name__ == "__main__":
    supervise(grace=0)  # kfp would wait for the tasks that run
    main()
