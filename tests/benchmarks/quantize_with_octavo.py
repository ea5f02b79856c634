"""Quantize with octavo's default recipe: `octavo quantize` without its own benchmark and report."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import nullcontext
from pathlib import Path

import click

from octavo.documents.summary import Summary
from octavo.quantize.quantize import Files, Job, int8_graph
from octavo.recipe import Recipe
from octavo.runtime import worker
from octavo.transform_graph.transform import transform_file


@click.command()
@click.option("--model", required=True)
@click.option("--calibration", required=True)
@click.option("--output", required=True, type=click.Path(path_type=Path))
@click.option("--parts", default=1, help="Parts of a batch that run side by side.")
def main(model: str, calibration: str, output: Path, parts: int) -> None:
    """Write the INT8 graph."""
    job = Job(model=model, calibration=calibration, preprocessing="none", recipe=Recipe(), validation=None)
    worker.start()
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        int8_graph(job, files, nullcontext)
        if parts == 1:
            shutil.copy(files.int8, output)
            return
        ends = Summary.read(files.summary).ends()
        transform_file(files.int8, output, f"split_batch(parts={parts})", inputs=ends.inputs, outputs=ends.outputs)


if __name__ == "__main__":
    main()
