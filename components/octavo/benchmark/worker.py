"""What the worker process does of a benchmark."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel

from octavo.benchmark.benchmark import benchmark_graphs


class Request(BaseModel):
    """What to time, and the file for the timings; see `benchmark_graphs`."""

    fp32: Path
    int8: Path
    timings: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def write_timings(text: str) -> None:
    """Time two graphs as TensorFlow runs them by default. Raises as `benchmark_graphs` does.

    Args:
        text: a `Request` as JSON.
    """
    request = Request.model_validate_json(text)
    found = benchmark_graphs(request.fp32, request.int8, inputs=request.inputs, outputs=request.outputs)
    found.write(request.timings)
