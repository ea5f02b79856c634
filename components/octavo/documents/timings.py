"""How fast both graphs are, as benchmark writes it."""

from __future__ import annotations

from octavo.documents.document import Document, Part
from octavo.runtime.machine import Machine


class Speed(Part):
    """How fast one graph ran at one batch size.

    Attributes:
        images_per_second: the median of the rounds.
        images_per_second_quartiles: the rounds' first and third quartile.
        latency_ms_p50: the median time of one run of a whole batch.
        latency_ms_p90: nine in ten runs took no longer.
        runs: the runs that were timed.
    """

    images_per_second: float
    images_per_second_quartiles: tuple[float, float]
    latency_ms_p50: float
    latency_ms_p90: float
    runs: int


class BatchSpeed(Part):
    """Both graphs at one batch size.

    Attributes:
        batch: images in one run.
        fp32: the FP32 graph.
        int8: the INT8 graph.
        ratio: INT8's images a second over FP32's; the median over the rounds, each a pair of neighbours in time.
        ratio_quartiles: the first and third quartile of the rounds' ratios.
    """

    batch: int
    fp32: Speed
    int8: Speed
    ratio: float
    ratio_quartiles: tuple[float, float]


class Timings(Document):
    """The outcome of a benchmark.

    Attributes:
        batches: one entry a batch size, in the order asked for.
        fixed_batch: the batch size that the graphs fix, in which case it is the only one; None where it is free.
        rounds: the rounds at each batch size.
        seconds: the time that each graph ran in a round, at least.
        in_caller: whether ops ran in the calling thread, not with TensorFlow's defaults.
        machine: what it ran on.
    """

    STEP = "benchmark"

    batches: tuple[BatchSpeed, ...]
    fixed_batch: int | None
    rounds: int
    seconds: float
    in_caller: bool
    machine: Machine


class Untimed(Document):
    """What stands in the place of timings where the graphs could not be timed: why; None in timings."""

    STEP = "benchmark"

    missing: str | None = None
