"""Calibrate shards, in the worker process, whose every op runs on one thread.

So that a shard's log does not depend on the machine's cores, ops use one thread there, and the cores are put to use by
several batches at once, and by several processes.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from octavo.data.manifest import out_of
from octavo.data.shard import Shard
from octavo.errors import CalibrationError
from octavo.notes import counted
from octavo.ranges.min_max_log import join_logs, read_log_file, write_log_file
from octavo.recipe import Calibration
from octavo.runtime import worker

LOG = logging.getLogger(__name__)

SECONDS = 24 * 3600.0
"""How long a calibration may take."""


class Request(BaseModel):
    """What the process is to do; the fields are those of `calibrate_shards`."""

    logged_graph: Path
    logs: tuple[Path, ...]
    dataset_uri: str
    shards: tuple[Shard, ...]
    preprocessing: str
    batch_size: int
    inputs: tuple[str, ...]
    calibration: Calibration
    workers: int


def calibrate_file(
    logged_graph: Path,
    log: Path,
    *,
    dataset_uri: str,
    shard: Shard,
    preprocessing: str,
    batch_size: int,
    inputs: Sequence[str] = (),
    calibration: Calibration | None = None,
    workers: int = 1,
) -> None:
    """Run one shard through the logged graph and write its min/max log.

    The log does not depend on how the data set was split, nor on the number of processes: it is the part of the whole
    log that these batches make, in canonical order.

    Args:
        logged_graph: the dynamic-range graph with logging inserted.
        log: the log to write, one record for every range and batch.
        dataset_uri: the data set, of which only the shard is read.
        shard: one of the shards that plan_shards made.
        preprocessing: a preset's name, or a preprocessing document.
        batch_size: examples a batch, as the shards were planned.
        inputs: the inputs' names; found where left out.
        calibration: the recipe's part on calibration; the default's where left out.
        workers: processes at a time, each with a part of the shard.

    Raises:
        OctavoError: when the graph, the data or the preprocessing cannot be used, or a part's process died again and
            again; no log is written then, but for a recipe that does not require all examples.
    """
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="octavo-logs-") as folder:
        parts = [shard] if workers == 1 else shard.parts(workers, batch_size)
        logs = [Path(folder, f"{part.index}.txt") for part in parts]
        calibrate_shards(
            logged_graph,
            logs,
            dataset_uri=dataset_uri,
            shards=parts,
            preprocessing=preprocessing,
            batch_size=batch_size,
            inputs=inputs,
            calibration=calibration,
            workers=workers,
        )
        joined = join_logs([read_log_file(part) for part in logs])
    write_log_file(joined, log)
    missing = sum(part.stop - part.start for part in joined.examples if part.missing)
    done = out_of(shard.stop - shard.start - missing, dataset_uri, "example")
    failed = f"; {counted(missing, 'example')} more failed, which the recipe allows" if missing else ""
    LOG.info("calibrated %s in %.0f s%s", done, time.monotonic() - start, failed)


def calibrate_shards(
    logged_graph: Path,
    logs: Sequence[Path],
    *,
    dataset_uri: str,
    shards: Sequence[Shard],
    preprocessing: str,
    batch_size: int,
    inputs: Sequence[str] = (),
    calibration: Calibration | None = None,
    workers: int = 1,
) -> None:
    """Run shards through the logged graph, some at a time, and write a log for each: see `calibrate_file`."""
    request = Request(
        logged_graph=logged_graph,
        logs=tuple(logs),
        dataset_uri=dataset_uri,
        shards=tuple(shards),
        preprocessing=preprocessing,
        batch_size=batch_size,
        inputs=tuple(inputs),
        calibration=calibration or Calibration(),
        workers=workers,
    )
    try:
        worker.call("octavo.calibrate.worker:write_logs", request.model_dump_json(), timeout=SECONDS)
    except worker.WorkerDiedError as fault:
        raise CalibrationError(f"calibration broke off: {fault}") from fault
