"""What the benchmark finds, as one document."""

from __future__ import annotations

from statistics import median, quantiles

from pydantic import BaseModel

INC = ("inc", "inc-per-channel")


class Row(BaseModel):
    """One engine on one model.

    Attributes:
        engine: a key of `engines.ENGINES`.
        failure: why there is nothing more; None when there is.
        seconds: clock time of each quantization, import included.
        cpu_seconds: processor time of each.
        peak_mb: the highest resident memory of each.
        file_mb: size of the graph.
        top1: percent of the validation images.
        agreement: percent of the validation images whose class is FP32's in TensorFlow.
        images_per_second: batch size -> one figure a round.
        fastest: batch size -> the fastest run of each round, in images a second; other processes slow it least.
    """

    engine: str
    failure: str | None = None
    seconds: list[float] = []
    cpu_seconds: list[float] = []
    peak_mb: list[float] = []
    file_mb: float | None = None
    top1: float | None = None
    agreement: float | None = None
    images_per_second: dict[int, list[float]] = {}
    fastest: dict[int, list[float]] = {}

    def speed(self, batch: int) -> float | None:
        """The median of the rounds."""
        rounds = self.images_per_second.get(batch)
        return median(rounds) if rounds else None

    def quartiles(self, batch: int) -> tuple[float, float] | None:
        """The first and third quartile of the rounds."""
        rounds = self.images_per_second.get(batch, [])
        if len(rounds) < 2:
            return None
        low, _, high = quantiles(rounds, n=4, method="inclusive")
        return low, high


class Comparison(BaseModel):
    """All engines on one model."""

    model: str
    images: int | None
    rows: list[Row]

    def row(self, engine: str) -> Row | None:
        """The row of an engine that ran."""
        return next((row for row in self.rows if row.engine == engine and row.failure is None), None)

    def best_inc_speed(self, batch: int) -> float | None:
        """The faster one of Neural Compressor's graphs."""
        speeds = [row.speed(batch) for row in self.rows if row.engine in INC]
        return max((s for s in speeds if s is not None), default=None)


class Report(BaseModel):
    """A run of the benchmark."""

    machine: str
    versions: dict[str, tuple[tuple[str, ...], ...]]
    starts: int
    rounds: int
    seconds: float
    conversions: int
    at_once: int
    threads: int
    in_caller: bool
    comparisons: list[Comparison]
