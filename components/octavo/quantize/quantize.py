"""From a trained model to a verified INT8 graph: the pipeline's steps, one after the other, in this process."""

from __future__ import annotations

import logging
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from octavo import flow
from octavo.errors import StorageError
from octavo.runtime import worker

if TYPE_CHECKING:
    from octavo.documents.evaluation import Evaluation
    from octavo.documents.result import Result
    from octavo.quantize.graphs import Graphs
    from octavo.recipe import Recipe

LOG = logging.getLogger(__name__)

Step = Callable[[str], AbstractContextManager[Any]]
"""Entered with a step's name when it begins, left when it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to quantize, and how.

    Args:
        model: URI or path of the model.
        calibration: URI or path of the examples that the ranges are taken from.
        validation: URI or path of the labelled examples that accuracy is measured on; None to measure none.
        preprocessing: a preset's name, or a preprocessing document.
        recipe: what becomes INT8, and how.
        inputs: the model's inputs; found where empty.
        outputs: the model's outputs; found where empty.
        batch_size: examples a batch.
        shards: parts that the calibration data are split into; the result does not depend on it.
        limit: examples that calibration reads at most; 0 for all.
        seed: chooses these at random, the same ones for the same number; 0 takes the first.
        tolerance: points of top-1 that the INT8 graph may lose.
        workers: processes that calibrate, and evaluate, at a time; the result does not depend on it.
    """

    model: str
    calibration: str
    validation: str | None
    preprocessing: str
    recipe: Recipe
    inputs: Sequence[str] = ()
    outputs: Sequence[str] = ()
    batch_size: int = flow.BATCH_SIZE
    shards: int = 1
    limit: int = flow.CALIBRATION_LIMIT
    seed: int = 0
    tolerance: float = flow.TOLERANCE
    workers: int = 1


class Files:
    """The files that the steps hand on, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.model = folder / "model"
        self.summary = folder / "model_summary.json"
        self.fp32 = folder / "fp32.pb"
        self.examples = folder / "examples.jsonl"
        self.dynamic = folder / "dynamic.pb"
        self.decisions = folder / "decisions.json"
        self.logged = folder / "logged.pb"
        self.log = folder / "min_max_log.txt"
        self.int8 = folder / "int8.pb"
        self.fp32_evaluation = folder / "fp32_evaluation.json"
        self.int8_evaluation = folder / "int8_evaluation.json"
        self.benchmark = folder / "benchmark.json"
        self.result = folder / "summary.json"
        self.page = folder / "report.html"
        self.folder = folder


@dataclass(frozen=True, slots=True)
class Quantized:
    """A finished INT8 graph with its figures.

    Attributes:
        result: the figures.
    """

    result: Result
    _files: Files
    _tolerance: float

    def publish(self, target: str) -> None:
        """Write int8.pb, summary.json, decisions.json and report.html to a folder, a path or URI.

        Raises:
            AccuracyError: when the INT8 graph loses more than the tolerance, or FP32 only guesses; nothing is written.
            StorageError: when the target cannot be written; the files are kept in the current folder then, and the
                message says where.
        """
        try:
            self._publish(target)
        except StorageError as fault:
            kept = f"octavo-unpublished-{self.result.sha256[:12]}"
            self._publish(kept)
            raise StorageError(
                f"{fault}; the model is kept in {kept!r}: publish it with `octavo publish-model {kept}/int8.pb "
                f"--summary {kept}/summary.json --decisions {kept}/decisions.json --report {kept}/report.html "
                f"--tolerance {self._tolerance} --target {shlex.quote(target)}`"
            ) from fault

    def _publish(self, target: str) -> None:
        from octavo.publish_model.publish import publish_model

        files = self._files
        publish_model(
            files.int8, files.result, files.page, target, tolerance=self._tolerance, decisions=files.decisions
        )


@contextmanager
def quantized(job: Job, step: Step = nullcontext) -> Iterator[Quantized]:
    """Run all steps but the last; what they made can be published while the context lasts.

    Args:
        job: what to quantize, and how.
        step: told of each step.

    Raises:
        OctavoError: when a step cannot do its work.
    """
    from octavo.data.preprocessing import preprocessing
    from octavo.runtime.environment import check_int8

    preprocessing(job.preprocessing)  # a misspelt preset is told now, not after a minute's work
    worker.start()  # it imports TensorFlow while this process does
    with step("Check machine"):
        check_int8(job.recipe.target)
    with tempfile.TemporaryDirectory(prefix="octavo-") as folder:
        files = Files(Path(folder))
        graphs = int8_graph(job, files, step)
        _measure(job, files, graphs, step)
        yield Quantized(_report(job, files, step), files, job.tolerance)


def int8_graph(job: Job, files: Files, step: Step) -> Graphs:
    """Run the steps up to the INT8 graph, which `files.int8` then is. Raises as `quantized` does."""
    graphs = _optimize(job, files, step)
    _calibrate(job, files, graphs, step)
    with step("Fuse"):
        graphs.lower()
    return graphs


def _optimize(job: Job, files: Files, step: Step) -> Graphs:
    """The model as an optimized FP32 graph."""
    from octavo.documents.summary import Summary
    from octavo.fetch_model.fetch import fetch_model
    from octavo.plan_shards.declared import check_declared
    from octavo.quantize.graphs import Graphs, summarize

    with step("Fetch model"):
        fetch_model(job.model, files.model)
    with step("Summarize"):
        summarize(files.model, files.summary, job.inputs, job.outputs)
    ends = Summary.read(files.summary).ends()
    for note in ends.notes:
        LOG.warning("%s", note)
    check_declared(files.summary, job.preprocessing)
    graphs = Graphs.model_validate(
        {**vars(files), "inputs": ends.inputs, "outputs": ends.outputs, "recipe": job.recipe}
    )
    with step("Optimize"):
        graphs.optimize()
        if job.validation is not None:
            graphs.check_scored()
    return graphs


def _calibrate(job: Job, files: Files, graphs: Graphs, step: Step) -> None:
    """The dynamic-range graph, and the log of its ranges."""
    from octavo.calibrate.calibrate import calibrate_shards
    from octavo.merge_min_max_logs.merge import merge_logs
    from octavo.plan_shards.plan import plan_shards

    with step("Quantize"):
        graphs.quantize()
    with step("Plan shards"):
        shards = plan_shards(
            job.calibration,
            shards=max(job.shards, job.workers),
            batch_size=job.batch_size,
            limit=job.limit,
            seed=job.seed,
            manifest=files.examples if job.seed else None,
        )
    logs = [files.folder / f"min_max_log.{shard.index}.txt" for shard in shards]
    with step("Calibrate"):
        calibrate_shards(
            files.logged,
            logs,
            dataset_uri=str(files.examples) if job.seed else job.calibration,
            shards=shards,
            preprocessing=job.preprocessing,
            batch_size=job.batch_size,
            inputs=graphs.inputs,
            calibration=job.recipe.calibration,
            workers=job.workers,
        )
    with step("Merge logs"):
        required = job.recipe.calibration.required_examples
        merge_logs(logs, files.log, required_examples=required, shards=shards)


def _measure(job: Job, files: Files, graphs: Graphs, step: Step) -> None:
    """Accuracy, where there are validation data, and speed of both graphs."""
    from octavo.benchmark.step import time_graphs

    if job.validation is not None:
        with step("Evaluate FP32"):
            scored = _evaluate(files.fp32, files.fp32_evaluation, job.validation, job, graphs)
        if note := scored.note():
            LOG.warning("%s", note)
        with step("Evaluate INT8"):
            _evaluate(files.int8, files.int8_evaluation, job.validation, job, graphs)
    with step("Benchmark"):
        time_graphs(files.fp32, files.int8, files.benchmark, inputs=graphs.inputs, outputs=graphs.outputs)


def _report(job: Job, files: Files, step: Step) -> Result:
    from octavo.report.report import write_report

    measured = job.validation is not None
    with step("Report"):
        return write_report(
            summary=files.summary,
            decisions=files.decisions,
            fp32_evaluation=files.fp32_evaluation if measured else None,
            int8_evaluation=files.int8_evaluation if measured else None,
            benchmark=files.benchmark,
            fp32_graph=files.fp32,
            int8_graph=files.int8,
            model=files.model,
            tolerance=job.tolerance,
            html=files.page,
            summary_json=files.result,
            log=files.log,
        )


def _evaluate(graph: Path, evaluation: Path, dataset: str, job: Job, graphs: Graphs) -> Evaluation:
    from octavo.evaluate.evaluate import evaluate_file

    result = evaluate_file(
        graph,
        dataset_uri=dataset,
        preprocessing=job.preprocessing,
        batch_size=job.batch_size,
        inputs=graphs.inputs,
        outputs=graphs.outputs,
        workers=job.workers,
    )
    result.write(evaluation)
    return result
