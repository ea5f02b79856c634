"""What calibrating costs beside plain FP32 inference over the same images, by one process and by several.

    .venv/bin/python tests/benchmarks/calibration_cost.py

Both read, decode and batch the same images and run on one thread an op; they take turns, each first in every other
round. Processor time is compared as well as the clock's, which other programs on the machine disturb.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import click

from octavo.calibrate.ranges import shard_records
from octavo.data.batches import batches
from octavo.data.dataset import open_dataset
from octavo.data.inputs import model_inputs
from octavo.data.preprocessing import preprocessing
from octavo.data.shard import Shard
from octavo.fetch_model.fetch import fetch_model
from octavo.files import write_json
from octavo.graph.proto import load_graph
from octavo.quantize.graphs import Graphs
from octavo.quantize.quantize import Files
from octavo.recipe import Recipe
from octavo.runtime import worker
from octavo.runtime.forks import run_forked
from octavo.runtime.in_order import in_order
from octavo.runtime.session import GraphSession
from octavo.summarize_graph.summarize import summarize_model
from subjects import SUBJECTS, Subject

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("OCTAVO_TEST_DATA") or ROOT.parent / "shared" / "data")
BATCH = 10
IMAGES = {"resnet20": (2_000, 10_000)}
"""How many images small models run on, whose start counts more of fewer. Others, as many as --images says."""

CORES = os.cpu_count() or 1


def plain(job: dict[str, Any], shard: Shard, at_once: int) -> None:
    """Run the float graph over a shard and drop what comes out."""
    graph = load_graph(job["fp32"]).with_ends((), job["outputs"])
    taken = model_inputs(graph, job["inputs"])
    drawn = batches(
        open_dataset(job["data"]),
        preprocessing(job["preprocessing"]),
        start=shard.start,
        stop=shard.stop,
        batch_size=taken.steps(BATCH),
        inputs=taken,
    )
    with GraphSession(graph, in_caller=True) as session:
        for _ in in_order(lambda batch: session.run(taken.feed(batch)), drawn, at_once=at_once):
            pass


def calibrated(job: dict[str, Any], shard: Shard, at_once: int) -> None:
    """Run the logged graph over a shard, and drop its log."""
    records = shard_records(
        load_graph(job["logged"]),
        open_dataset(job["data"]),
        shard,
        preprocessing=preprocessing(job["preprocessing"]),
        batch_size=BATCH,
        inputs=job["inputs"],
        at_once=at_once,
    )
    "".join(records)


def _timed(work: Callable[[], None], file: str) -> None:
    begin, cpu = time.perf_counter(), time.process_time()
    work()
    write_json(file, {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu})


def run_round(text: str) -> None:
    """Run one of the two over all images, by several processes; called in the worker."""
    job = json.loads(text)
    work = plain if job["work"] == "plain" else calibrated
    parts = Shard(start=0, stop=job["images"]).parts(job["workers"], BATCH)
    at_once = max(1, CORES // job["workers"])
    files = [f"{job['file']}.{part.index}" for part in parts]
    tasks = [partial(_timed, partial(work, job, part, at_once), file) for part, file in zip(parts, files, strict=True)]
    begin = time.perf_counter()
    failed = run_forked(tasks, at_once=job["workers"])
    if failed:
        raise failed[min(failed)]
    cpu = sum(json.loads(Path(file).read_text())["cpu"] for file in files)
    write_json(job["file"], {"seconds": time.perf_counter() - begin, "cpu": cpu})


def measured(subject: Subject, *, images: int, rounds: int, workers: int) -> dict[str, float]:
    """Calibration's processor time, and its images a second, over those of plain inference: medians of the rounds."""
    with tempfile.TemporaryDirectory() as folder:
        files = Files(Path(folder))
        fetch_model(str(DATA / str(subject.model)), files.model)
        outputs = (subject.output or "predict",)
        inputs = summarize_model(files.model, (), outputs).ends().inputs
        graphs = Graphs.model_validate({**vars(files), "inputs": inputs, "outputs": outputs, "recipe": Recipe()})
        graphs.optimize()
        graphs.quantize()
        job = {
            "fp32": str(files.fp32),
            "logged": str(files.logged),
            "outputs": outputs,
            "inputs": inputs,
            "data": _repeated(DATA / subject.calibration, images, Path(folder, "images.jsonl")),
            "preprocessing": subject.preprocessing,
            "images": images,
            "workers": workers,
            "file": str(Path(folder, "times.json")),
        }
        taken: dict[str, list[dict[str, float]]] = {"plain": [], "calibrated": []}
        for turn in range(rounds):
            for work, found in list(taken.items())[:: -1 if turn % 2 else 1]:
                worker.call("calibration_cost:run_round", json.dumps({**job, "work": work}))
                found.append(json.loads(Path(str(job["file"])).read_text()))
    pairs = list(zip(taken["plain"], taken["calibrated"], strict=True))
    return {
        "cpu": statistics.median(after["cpu"] / before["cpu"] for before, after in pairs),
        "rate": statistics.median(before["seconds"] / after["seconds"] for before, after in pairs),
        "plain_images_per_second": images / statistics.median(before["seconds"] for before, _ in pairs),
    }


def _repeated(data: Path, images: int, manifest: Path) -> str:
    """The data set, as often as it takes to have so many images."""
    times = -(-images // len(open_dataset(str(data))))
    manifest.write_text(f"{json.dumps({'uri': str(data)})}\n" * times)
    return str(manifest)


@click.command()
@click.option("--images", default=300, show_default=True, help="Calibration images.")
@click.option("--rounds", default=10, show_default=True, help="Turns that each of the two takes.")
@click.option("--model", "models", multiple=True, type=click.Choice(list(SUBJECTS)), help="Only these models.")
def main(images: int, rounds: int, models: tuple[str, ...]) -> None:
    """Print a row for each model and number of processes."""
    worker.start()
    click.echo(
        "| model | images | processes | CPU time, calibrating over plain | images/s of that | plain FP32 images/s |"
    )
    click.echo("| --- | --- | --- | --- | --- | --- |")
    for key, subject in SUBJECTS.items():
        if subject.validation is None or (models and key not in models):
            continue
        for count, workers in product(IMAGES.get(key, (images,)), sorted({1, CORES})):
            found = measured(subject, images=count, rounds=rounds, workers=workers)
            rate = f"{found['plain_images_per_second']:.0f}"
            click.echo(f"| {subject.name} | {count} | {workers} | {found['cpu']:.2f} | {found['rate']:.0%} | {rate} |")


if __name__ == "__main__":
    main()
