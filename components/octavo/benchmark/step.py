"""The benchmark as a step of a chain, whose failure costs the figures and nothing else."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from octavo.documents.timings import Timings, Untimed
from octavo.errors import OctavoError
from octavo.runtime import worker

LOG = logging.getLogger(__name__)


def time_graphs(fp32: Path, int8: Path, timings: Path, *, inputs: Sequence[str], outputs: Sequence[str]) -> str | None:
    """Write what `benchmark_graphs` finds, or a document that says why the graphs could not be timed.

    They run in a process of their own: one that aborts, or is killed for its memory, is such a reason too.

    Args:
        fp32: the FP32 graph's file.
        int8: the INT8 graph's file.
        timings: the JSON file to write.
        inputs: the tensors to feed.
        outputs: the tensors to fetch.

    Returns:
        Why they could not be timed; None where they were.
    """
    from octavo.benchmark.worker import Request

    request = Request(fp32=fp32, int8=int8, timings=timings, inputs=tuple(inputs), outputs=tuple(outputs))
    try:
        worker.call("octavo.benchmark.worker:write_timings", request.model_dump_json(), one_thread=False)
    except OctavoError as fault:
        Untimed(missing=str(fault)).write(timings)
        LOG.info("the graphs could not be timed: %s", fault)
        return str(fault)
    speeds = [f"{each.ratio:.2f}x at batch {each.batch}" for each in Timings.read(timings).batches]
    LOG.info("timed both graphs: INT8 runs at %s the speed of FP32", ", ".join(speeds))
    return None
