"""Calibrate a shard, in the worker process, whose every op runs on one thread.

So that a shard's log does not depend on the machine's cores, ops use one thread there, and the cores are put to use by
several batches at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from octavo.data.shard import Shard
from octavo.errors import CalibrationError
from octavo.runtime import worker


class Request(BaseModel):
    """What the process is to do; the fields are those of `calibrate_file`."""

    logged_graph: Path
    log: Path
    dataset_uri: str
    shard: Shard
    preprocessing: str
    batch_size: int
    inputs: tuple[str, ...]


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
    try:
        worker.call("octavo.calibrate.worker:write_log", request.model_dump_json())
    except worker.WorkerDiedError as fault:
        raise CalibrationError(f"calibration broke off: {fault}") from fault
