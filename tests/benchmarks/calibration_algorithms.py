"""Top-1 of the INT8 graph by each calibration algorithm, on the real models of the test data.

    .venv/bin/python tests/benchmarks/calibration_algorithms.py

A model is calibrated once, with histograms and numbered batches, and its ranges are taken by every algorithm in turn;
and once more for other ranges of its weights. The table goes to standard output.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from octavo.calibrate.calibrate import calibrate_file
from octavo.data.dataset import open_dataset
from octavo.data.shard import Shard
from octavo.documents.evaluation import Evaluation
from octavo.evaluate.evaluate import evaluate_file
from octavo.fetch_model.fetch import fetch_model
from octavo.quantize.graphs import Graphs
from octavo.quantize.quantize import Files
from octavo.ranges.choose import ALGORITHMS
from octavo.recipe import Calibration, Recipe
from octavo.runtime import worker
from octavo.summarize_graph.summarize import summarize_model
from subjects import SUBJECTS, Subject

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("OCTAVO_TEST_DATA") or ROOT.parent / "shared" / "data")
BATCH = 10
WEIGHTS = ("percentile", "mse")
"""Other ranges of weights than the default."""

ROWS = ("FP32", *ALGORITHMS, *(f"order_statistic, weights {name}" for name in WEIGHTS))


def measured(subject: Subject, limit: int) -> dict[str, Evaluation]:
    """Row of the table -> what was measured of a model."""
    assert subject.model is not None
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        fetch_model(str(DATA / subject.model), files.model)
        outputs = (subject.output or "predict",)
        inputs = summarize_model(files.model, (), outputs).ends().inputs
        plain = Graphs.model_validate({**vars(files), "inputs": inputs, "outputs": outputs, "recipe": Recipe()})
        plain.optimize()
        found = {"FP32": _evaluated(files.fp32, subject, plain)}
        _calibrated(plain, subject, Calibration(algorithm="mse"), limit)
        for algorithm in ALGORITHMS:
            found[algorithm] = _lowered(plain, subject, Calibration(algorithm=algorithm))
        for weights in WEIGHTS:
            calibration = Calibration.model_validate({"weights": weights})
            _calibrated(_with(plain, calibration), subject, calibration, limit)
            found[f"order_statistic, weights {weights}"] = _lowered(plain, subject, calibration)
        return found


def _with(graphs: Graphs, calibration: Calibration) -> Graphs:
    return graphs.model_copy(update={"recipe": Recipe(calibration=calibration)})


def _calibrated(graphs: Graphs, subject: Subject, calibration: Calibration, limit: int) -> None:
    """Write the dynamic-range graph and its log."""
    graphs.quantize()
    uri = str(DATA / subject.calibration)
    calibrate_file(
        graphs.logged,
        graphs.log,
        dataset_uri=uri,
        shard=Shard(start=0, stop=min(limit, len(open_dataset(uri)))),
        preprocessing=subject.preprocessing,
        batch_size=BATCH,
        inputs=graphs.inputs,
        calibration=calibration,
    )


def _lowered(graphs: Graphs, subject: Subject, calibration: Calibration) -> Evaluation:
    _with(graphs, calibration).lower()
    return _evaluated(graphs.int8, subject, graphs)


def _evaluated(graph: Path, subject: Subject, graphs: Graphs) -> Evaluation:
    return evaluate_file(
        graph,
        dataset_uri=str(DATA / str(subject.validation)),
        preprocessing=subject.preprocessing,
        inputs=graphs.inputs,
        outputs=graphs.outputs,
    )


def _cell(found: dict[str, Evaluation], row: str) -> str:
    flips = sum(a != b for a, b in zip(found[row].predictions, found["FP32"].predictions, strict=True))
    return f"{found[row].top1:.2f}" + (f" ({flips})" if row != "FP32" else "")


@click.command()
@click.option("--limit", default=300, show_default=True, help="Calibration images.")
@click.option("--model", "models", multiple=True, type=click.Choice(list(SUBJECTS)), help="Only these models.")
def main(limit: int, models: tuple[str, ...]) -> None:
    """Print the table: top-1, and in brackets how many answers differ from the FP32 graph's."""
    worker.start()
    chosen = [subject for key, subject in SUBJECTS.items() if subject.validation and (not models or key in models)]
    columns = {}
    for subject in chosen:
        columns[subject.name] = measured(subject, limit)
        click.echo(f"{subject.name}: measured", err=True)
    click.echo(f"| algorithm | {' | '.join(columns)} |\n| --- |{' --- |' * len(columns)}")
    for row in ROWS:
        click.echo(f"| {row} | {' | '.join(_cell(found, row) for found in columns.values())} |")


if __name__ == "__main__":
    main()
