"""What a runner does once its graph is loaded: it waits for requests, one a line, and answers each with a line.

    {"predict": FILE.npy}                       -> {"predictions": [class of each image]}
    {"time": FILE.npy, "batch": 32, "seconds": 0.5} -> {"images_per_second": 123.4, "fastest": 130.2}

It needs NumPy alone, since it runs in every environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

WARM_UP = 0.3
"""The part of the timed seconds that a runner first runs untimed, to get its caches back from the others."""

PREDICTED_AT_ONCE = 20

Run = Callable[[Any], Any]
"""From images to scores."""


def serve(run: Run) -> None:
    """Answer until standard input ends. Whatever libraries print goes to standard error."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            print(json.dumps(_answer(run, json.loads(line))), file=answers, flush=True)


def _answer(run: Run, request: dict[str, Any]) -> dict[str, Any]:
    if "predict" in request:
        images = np.load(request["predict"])
        parts = np.split(images, range(PREDICTED_AT_ONCE, len(images), PREDICTED_AT_ONCE))
        scores = np.concatenate([np.array(run(part)).reshape(len(part), -1) for part in parts])
        return {"predictions": scores.argmax(axis=1).tolist()}
    images = np.array(np.load(request["time"], mmap_mode="r")[: request["batch"]])
    _run_for(run, images, WARM_UP * request["seconds"])
    times = _run_for(run, images, request["seconds"])
    return {
        "images_per_second": len(times) * request["batch"] / sum(times),
        "fastest": request["batch"] / min(times),
    }


def _run_for(run: Run, images: Any, seconds: float) -> list[float]:
    """Run at least once and until the seconds are over; returns each run's time."""
    times: list[float] = []
    while sum(times) < seconds:
        start = time.perf_counter()
        run(images)
        times.append(time.perf_counter() - start)
    return times
