"""octavo beside Neural Compressor and OpenVINO: accuracy, speed, and the cost of quantizing, on the same images.

Every engine quantizes in a process of its own. The graphs are then timed in turns, each in a process that waits idle
while the others run, so that what else the machine does disturbs all alike and thread pools do not meet.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console

from engines import ENGINES, Engine
from environments import REQUIREMENTS, python_of
from octavo.files import write_json
from octavo.runtime.machine import cpu_info, int8_instructions, model_name
from processes import ProgramError, Runner, measure
from results import Comparison, Report, Row
from subjects import SUBJECTS
from tables import COLUMNS, RATIOS, figures, markdown_table, ratios, rich_table

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "build" / "benchmark"
DATA = Path(os.environ.get("OCTAVO_TEST_DATA") or ROOT.parent / "shared" / "data")
BATCHES = (1, 32)


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to measure, and at how the engines run: the options of the same names."""

    starts: int
    rounds: int
    seconds: float
    conversions: int
    at_once: int
    threads: int
    in_caller: bool


class Bench:
    """One model, and the engines that are compared on it."""

    def __init__(self, key: str, engines: Sequence[str], settings: Settings, console: Console) -> None:
        self.key, self.subject, self.settings, self.console = key, SUBJECTS[key], settings, console
        self.folder = CACHE / "models" / key
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rows = {engine: Row(engine=engine) for engine in engines}

    def compare(self) -> Comparison:
        """Prepare, quantize, judge and time."""
        self.console.rule(self.subject.name)
        measure(
            python_of("octavo", CACHE),
            "prepare.py",
            [self.key, "--data", str(DATA), "--folder", str(self.folder)],
            self.folder / "prepare.log",
        )
        for _ in range(self.settings.conversions):
            for engine in self._alive():
                self._quantize(engine)
        for number in range(self.settings.starts):  # as the same graph's speed differs from process to process
            with ExitStack() as stack:
                runners = {engine: stack.enter_context(self._runner(engine)) for engine in self._alive()}
                if number == 0:
                    self._judge(runners)
                self._time(runners)
        labels = self._labels()
        return Comparison(
            model=self.subject.name, images=None if labels is None else len(labels), rows=list(self.rows.values())
        )

    def _alive(self) -> list[str]:
        return [engine for engine, row in self.rows.items() if row.failure is None]

    def _quantize(self, key: str) -> None:
        engine, row = ENGINES[key], self.rows[key]
        if engine.quantizer is None:
            return
        graph, log = self._graph(key), self.folder / f"{key}.quantize.log"
        options = [*self._quantizer_options(engine), *engine.options, "--output", str(graph)]
        try:
            cost = measure(python_of(engine.environment, CACHE), engine.quantizer, options, log)
        except ProgramError as fault:
            self._fail(key, fault)
            return
        row.seconds.append(cost.seconds)
        row.cpu_seconds.append(cost.cpu_seconds)
        row.peak_mb.append(cost.peak_mb)
        row.file_mb = graph.with_suffix(".bin" if engine.suffix == ".xml" else engine.suffix).stat().st_size / 1e6
        self.console.print(f"{engine.name}: quantized in {cost.seconds:.1f} s, {cost.peak_mb:.0f} MB", highlight=False)

    def _quantizer_options(self, engine: Engine) -> list[str]:
        if engine.environment != "octavo":
            return ["--folder", str(self.folder)]
        return ["--model", str(self.folder / "frozen.pb"), "--calibration", str(self.folder / "calibration.npy")]

    def _graph(self, key: str) -> Path:
        engine = ENGINES[key]
        return self.folder / ("frozen.pb" if engine.quantizer is None else f"{key}{engine.suffix}")

    def _runner(self, key: str) -> Runner:
        engine = ENGINES[key]
        arguments = [str(self._graph(key)), "--folder", str(self.folder)]
        arguments += ["--at-once", str(self.settings.at_once), "--threads", str(self.settings.threads)]
        if self.settings.in_caller and engine.runner == "run_tensorflow.py":
            arguments.append("--in-caller")
        arguments += engine.run_options
        return Runner(python_of(engine.run_in, CACHE), engine.runner, arguments, self.folder / f"{key}.run.log")

    def _labels(self) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
        return None if self.subject.validation is None else np.load(self.folder / "labels.npy")

    def _judge(self, runners: dict[str, Runner]) -> None:
        """Top-1, and how often the class is FP32's; the first engine is TensorFlow's FP32."""
        labels, wanted = self._labels(), None
        if labels is None:
            return
        for key in list(runners):
            try:
                answer = runners[key].ask({"predict": str(self.folder / "validation.npy")})
            except ProgramError as fault:
                self._fail(key, fault)
                continue
            found = np.array(answer["predictions"])
            wanted = found if key == "tensorflow" else wanted
            self.rows[key].top1 = 100 * float(np.mean(found == labels))
            self.rows[key].agreement = None if wanted is None else 100 * float(np.mean(found == wanted))

    def _time(self, runners: dict[str, Runner]) -> None:
        for batch in BATCHES:
            for number in range(-1, self.settings.rounds):  # the first round warms up
                order = self._alive()
                for key in order if number % 2 else reversed(order):
                    self._time_once(key, runners[key], batch, kept=number >= 0)

    def _time_once(self, key: str, runner: Runner, batch: int, *, kept: bool) -> None:
        request = {"time": str(self.folder / "calibration.npy"), "batch": batch, "seconds": self.settings.seconds}
        try:
            answer = runner.ask(request)
        except ProgramError as fault:
            self._fail(key, fault)
            return
        if kept:
            for name, value in answer.items():
                getattr(self.rows[key], name).setdefault(batch, []).append(value)

    def _fail(self, key: str, fault: Exception) -> None:
        self.rows[key].failure = str(fault)
        self.console.print(f"[red]{ENGINES[key].name}: {fault}", highlight=False)


@click.command(context_settings={"show_default": True})
@click.option("--models", default=",".join(SUBJECTS), help="Models to compare on.")
@click.option("--engines", default=",".join(ENGINES), help="Engines to compare.")
@click.option("--starts", default=3, help="Times that each engine's process is started; each runs all rounds.")
@click.option("--rounds", default=30, help="Rounds at each batch size.")
@click.option("--seconds", default=0.04, help="Time that each engine runs in a round, at least.")
@click.option("--conversions", default=3, help="Times that each engine quantizes each model; 0 takes what is there.")
@click.option("--at-once", default=1, help="Batches that each engine runs at once.")
@click.option("--threads", default=0, help="Threads that each batch has; 0 leaves it to the engine.")
@click.option("--in-caller", is_flag=True, help="Run TensorFlow's ops in the calling thread (docs/serving.md).")
@click.option("--output", default=CACHE / "results.json", type=click.Path(path_type=Path), help="The JSON to write.")
def main(
    models: str,
    engines: str,
    starts: int,
    rounds: int,
    seconds: float,
    conversions: int,
    at_once: int,
    threads: int,
    in_caller: bool,
    output: Path,
) -> None:
    """Compare octavo with Neural Compressor and OpenVINO; writes JSON, and Markdown beside it."""
    chosen = _chosen(engines, ENGINES)
    for key in chosen:
        python_of(ENGINES[key].environment, CACHE), python_of(ENGINES[key].run_in, CACHE)
    console = Console()
    settings = Settings(starts, rounds, seconds, conversions, at_once, threads, in_caller)
    comparisons: list[Comparison] = []
    for key in _chosen(models, SUBJECTS):
        comparisons.append(Bench(key, chosen, settings, console).compare())
        report = Report(
            machine=machine(),
            versions=REQUIREMENTS,
            starts=starts,
            rounds=rounds,
            seconds=seconds,
            conversions=conversions,
            at_once=at_once,
            threads=threads,
            in_caller=in_caller,
            comparisons=comparisons,
        )
        write_json(
            output, report.model_dump(mode="json")
        )  # after each model: a run that is broken off leaves its figures
    show(report, output.with_suffix(".md"), console)


def _chosen(names: str, known: Mapping[str, object]) -> list[str]:
    """The names of a comma list, in the order of those that are known."""
    wrong = sorted(set(names.split(",")) - set(known))
    if wrong:
        raise click.UsageError(f"there is no {', '.join(wrong)}; there are {', '.join(known)}")
    return [key for key in known if key in names.split(",")]


def machine() -> str:
    """The processor, its INT8 instructions, and the cores that this process may use."""
    text = cpu_info()
    instructions = ", ".join(int8_instructions(text)) or "no INT8 instructions"
    return f"{model_name(text)} ({instructions}), {len(os.sched_getaffinity(0))} cores"


def show(report: Report, markdown: Path, console: Console) -> None:
    """Print both tables and write them as Markdown."""
    console.print(rich_table("Figures (medians; quartiles in brackets)", COLUMNS, figures(report)))
    console.print(rich_table("octavo over Neural Compressor (INC) and OpenVINO INT8", RATIOS, ratios(report)))
    parts = markdown_table(COLUMNS, figures(report)), markdown_table(RATIOS, ratios(report))
    markdown.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
