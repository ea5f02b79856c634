"""Time two graphs in alternation, so that what else the machine does disturbs both alike."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from octavo.benchmark.feeds import fixed_batch, random_feeds
from octavo.documents.timings import BatchSpeed, Speed, Timings
from octavo.errors import GraphError, SpecError
from octavo.graph import Graph, load_graph
from octavo.graph.tensors import Array
from octavo.runtime.environment import check_graph
from octavo.runtime.machine import describe_machine
from octavo.runtime.session import GraphSession
from octavo.tensorflow import CALLER_THREAD

BATCH_SIZES = (1, 32)
ROUNDS = 6
SECONDS = 0.5
WARM_UP_RUNS = 3
ENGINES = ("fp32", "int8")


def benchmark_graphs(
    fp32: Path,
    int8: Path,
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    batch_sizes: Sequence[int] = BATCH_SIZES,
    seconds: float = SECONDS,
    rounds: int = ROUNDS,
    threads: int = 0,
    in_caller: bool = False,
    input_shape: Sequence[int] | None = None,
) -> Timings:
    """Time an FP32 and an INT8 graph on the same seeded random input.

    Args:
        fp32: the FP32 graph's file.
        int8: the INT8 graph's file.
        inputs: the tensors to feed.
        outputs: the tensors to fetch.
        batch_sizes: images in one run; graphs that fix the batch are timed at that one alone.
        seconds: how long each graph runs in a round, at least; it makes one run at least.
        rounds: rounds at each batch size; in each, the graphs run one after the other.
        threads: threads that one op may use; 0 leaves the choice to TensorFlow.
        in_caller: run ops in the calling thread, which then does a part of each kernel. TensorFlow looks at
            `CALLER_THREAD`, set here, when the process runs its first op: call this in a process of its own.
        input_shape: the shape of one example, where the placeholders leave it open.

    Raises:
        GraphError: when a graph cannot be loaded or run, or the example's shape is not known.
        SpecError: when a batch size, the rounds or the seconds are not positive.
        EnvironmentFault: when INT8 ops cannot run here.
    """
    if min((*batch_sizes, rounds, seconds), default=0) <= 0 or not batch_sizes:
        raise SpecError(
            f"batch sizes, rounds and seconds must be positive; got batch sizes {list(batch_sizes)}, "
            f"{rounds} rounds, {seconds} s"
        )
    if in_caller:
        os.environ[CALLER_THREAD] = "1"
    graphs = {name: load_graph(path).with_ends(inputs, outputs) for name, path in (("fp32", fp32), ("int8", int8))}
    check_graph(graphs["int8"])
    fixed = _common_fixed_batch(graphs)
    with (
        GraphSession(graphs["fp32"], threads=threads, in_caller=in_caller) as first,
        GraphSession(graphs["int8"], threads=threads, in_caller=in_caller) as second,
    ):
        sessions = {"fp32": first, "int8": second}
        batches = [
            _time_batch(sessions, random_feeds(graphs["fp32"], batch, input_shape), batch, seconds, rounds)
            for batch in ((fixed,) if fixed else batch_sizes)
        ]
    machine = describe_machine(threads)
    return Timings(
        batches=tuple(batches),
        fixed_batch=fixed,
        rounds=rounds,
        seconds=seconds,
        in_caller=in_caller,
        machine=machine,
    )


def _common_fixed_batch(graphs: Mapping[str, Graph]) -> int | None:
    fixed = {name: fixed_batch(graph) for name, graph in graphs.items()}
    if fixed["fp32"] != fixed["int8"]:
        raise GraphError(
            f"the FP32 graph's batch is {fixed['fp32'] or 'free'} and the INT8 graph's is {fixed['int8'] or 'free'}; "
            "wanted two graphs of one model"
        )
    return fixed["fp32"]


def _time_batch(
    sessions: Mapping[str, GraphSession], feeds: Mapping[str, Array], batch: int, seconds: float, rounds: int
) -> BatchSpeed:
    runs = {name: _warm_up(session, feeds, seconds) for name, session in sessions.items()}
    times: dict[str, list[list[float]]] = {name: [] for name in ENGINES}
    for number in range(rounds):
        for name in ENGINES if number % 2 == 0 else reversed(ENGINES):
            times[name].append([_time_run(sessions[name], feeds) for _ in range(runs[name])])
    rates = {name: np.array([batch * len(t) / math.fsum(t) for t in times[name]]) for name in ENGINES}
    ratios = rates["int8"] / rates["fp32"]
    return BatchSpeed(
        batch=batch,
        fp32=_speed(rates["fp32"], times["fp32"]),
        int8=_speed(rates["int8"], times["int8"]),
        ratio=float(np.median(ratios)),
        ratio_quartiles=_quartiles(ratios),
    )


def _warm_up(session: GraphSession, feeds: Mapping[str, Array], seconds: float) -> int:
    """Run until the kernels are made and the caches are warm; returns how many runs fill `seconds`."""
    fastest = min(_time_run(session, feeds) for _ in range(WARM_UP_RUNS))
    return max(1, math.ceil(seconds / fastest))


def _time_run(session: GraphSession, feeds: Mapping[str, Array]) -> float:
    start = time.perf_counter()
    session.run(feeds)
    return time.perf_counter() - start


def _speed(rates: Array, times: Sequence[Sequence[float]]) -> Speed:
    milliseconds = 1000 * np.concatenate([np.array(t) for t in times])
    return Speed(
        images_per_second=float(np.median(rates)),
        images_per_second_quartiles=_quartiles(rates),
        latency_ms_p50=float(np.percentile(milliseconds, 50)),
        latency_ms_p90=float(np.percentile(milliseconds, 90)),
        runs=len(milliseconds),
    )


def _quartiles(values: Array) -> tuple[float, float]:
    return float(np.percentile(values, 25)), float(np.percentile(values, 75))
