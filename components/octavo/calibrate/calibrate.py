"""Calibrate a shard, in a process of its own whose every op runs on one thread.

Some of TensorFlow's sums (a MatMul of one row) come out differently on another number of threads, which is fixed for a
process when it first runs TensorFlow. So that a shard's log does not depend on the machine's cores, ops use one thread
here, and the cores are put to use by several batches at once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from octavo import errors
from octavo.data.shard import Shard
from octavo.errors import CalibrationError, OctavoError

FAILED = 2
"""The exit status that stands for an OctavoError, told as JSON on standard output."""


class Request(BaseModel):
    """What the process is to do; the fields are those of `calibrate_file`."""

    logged_graph: Path
    log: Path
    dataset_uri: str
    shard: Shard
    preprocessing: str
    batch_size: int
    inputs: tuple[str, ...]


class Fault(BaseModel):
    """An OctavoError on its way out of the process."""

    kind: str
    message: str

    def error(self) -> OctavoError:
        """The error, of the class that it had."""
        made: OctavoError = getattr(errors, self.kind)(self.message)
        return made


def calibrate_file(
    logged_graph: Path,
    log: Path,
    *,
    dataset_uri: str,
    shard: Shard,
    preprocessing: str,
    batch_size: int,
    inputs: Sequence[str] = (),
) -> None:
    """Run one shard through the logged graph and write its min/max log.

    The log does not depend on how the data set was split: it is the part of the whole log that these batches make.

    Args:
        logged_graph: the dynamic-range graph with logging inserted.
        log: the log to write, one record for every range and batch.
        dataset_uri: the data set, of which only the shard is read.
        shard: one of the shards that plan_shards made.
        preprocessing: a preset's name, or a preprocessing document.
        batch_size: examples a batch, as the shards were planned.
        inputs: the image input's name; found where left out.

    Raises:
        OctavoError: when the graph, the data or the preprocessing cannot be used; no log is written then.
    """
    request = Request(
        logged_graph=logged_graph,
        log=log,
        dataset_uri=dataset_uri,
        shard=shard,
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=tuple(inputs),
    )
    done = subprocess.run(
        [sys.executable, "-m", "octavo.calibrate.worker"],
        input=request.model_dump_json(),
        env={**os.environ, "TF_NUM_INTRAOP_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _fault(done)


def _fault(done: subprocess.CompletedProcess[str]) -> OctavoError:
    if done.returncode == FAILED:
        try:
            return Fault.model_validate(json.loads(done.stdout.splitlines()[-1])).error()
        except (ValueError, IndexError, AttributeError):
            pass  # another program's exit status: told as any other death
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        return CalibrationError(f"the calibration process was killed by {name}; it may have run out of memory")
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    last = lines[-1][:300] if lines else "it said nothing"
    return CalibrationError(f"the calibration process failed with exit status {done.returncode}: {last}")
