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
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

WARM_UP = 0.3
"""The part of the timed seconds that a runner first runs untimed, to get its caches back from the others."""

PREDICTED_AT_ONCE = 20

ALIGNMENT = 64
"""TensorFlow copies arrays whose address is no multiple of so many bytes before it runs; servers make ones that are."""

Run = Callable[[Any], Any]
"""From images to scores; called by several threads at once where more than one batch is to run at once."""


def serve(run: Run, at_once: int) -> None:
    """Answer until standard input ends. Whatever libraries print goes to standard error.

    Args:
        run: what runs a batch.
        at_once: batches that run at the same time while they are timed.
    """
    with os.fdopen(os.dup(1), "w") as answers, ThreadPoolExecutor(at_once) as threads:
        os.dup2(2, 1)
        for line in sys.stdin:
            print(json.dumps(_answer(run, json.loads(line), threads, at_once)), file=answers, flush=True)


def _answer(run: Run, request: dict[str, Any], threads: ThreadPoolExecutor, at_once: int) -> dict[str, Any]:
    if "predict" in request:
        images = np.load(request["predict"])
        parts = np.split(images, range(PREDICTED_AT_ONCE, len(images), PREDICTED_AT_ONCE))
        scores = np.concatenate([np.array(run(part)).reshape(len(part), -1) for part in parts])
        return {"predictions": scores.argmax(axis=1).tolist()}
    images = _aligned(np.load(request["time"], mmap_mode="r")[: request["batch"]])
    for seconds in (WARM_UP * request["seconds"], request["seconds"]):
        runs = list(threads.map(lambda _, seconds=seconds: _run_for(run, images, seconds), range(at_once)))
    return {
        "images_per_second": request["batch"] * sum(len(times) / sum(times) for times in runs),
        "fastest": request["batch"] * sum(1 / min(times) for times in runs),
    }


def _aligned(images: Any) -> Any:
    """A copy at an address that no engine has to copy it from."""
    memory = np.empty(images.nbytes + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    copy = memory[start : start + images.nbytes].view(images.dtype).reshape(images.shape)
    copy[...] = images
    return copy


def _run_for(run: Run, images: Any, seconds: float) -> list[float]:
    """Run at least once and until the seconds are over; returns each run's time."""
    times: list[float] = []
    while sum(times) < seconds:
        start = time.perf_counter()
        run(images)
        times.append(time.perf_counter() - start)
    return times
