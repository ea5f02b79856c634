"""Quantize with octavo's default recipe: `octavo quantize` without its own benchmark and report."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path

import click

from octavo.quantize.quantize import Files, Job, int8_graph
from octavo.recipe import Recipe
from octavo.runtime import worker


@click.command()
@click.option("--model", required=True)
@click.option("--calibration", required=True)
@click.option("--output", required=True, type=click.Path(path_type=Path))
def main(model: str, calibration: str, output: Path) -> None:
    """Write the INT8 graph."""
    job = Job(model=model, calibration=calibration, preprocessing="none", recipe=Recipe(), validation=None)
    worker.start()
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        int8_graph(job, files, nullcontext)
        shutil.copy(files.int8, output)


if __name__ == "__main__":
    main()
