"""What the worker process does of a calibration."""

from __future__ import annotations

from functools import partial

from octavo.calibrate.calibrate import Request
from octavo.calibrate.ranges import BATCHES_AT_ONCE, shard_records
from octavo.data.dataset import open_dataset
from octavo.data.preprocessing import preprocessing
from octavo.errors import CalibrationError, OctavoError, SpecError
from octavo.files import write_atomically
from octavo.graph.proto import load_graph
from octavo.ranges.log_records import counted, format_examples
from octavo.runtime.forks import TaskDiedError, run_forked
from octavo.runtime.in_order import cores


def write_logs(text: str) -> None:
    """Calibrate shards in forks of this process, and write the log of each, whole or not at all.

    Args:
        text: a `Request` as JSON.

    Raises:
        OctavoError: as `calibrate_shards` does, naming the shard.
    """
    request = Request.model_validate_json(text)
    tasks = [partial(_write_log, request, number) for number in range(len(request.shards))]
    failed = run_forked(tasks, at_once=request.workers)
    for number, fault in sorted(failed.items()):
        if isinstance(fault, SpecError):  # of the settings, which are those of all shards
            raise fault
        if request.calibration.required_examples == 1:
            raise _named(request, number, fault)
        shard = request.shards[number]
        missing = format_examples(shard.start, shard.stop, missing=True) + "\n"
        write_atomically(request.logs[number], "".join(counted([missing])))


def _write_log(request: Request, number: int) -> None:
    records = shard_records(
        load_graph(request.logged_graph),
        open_dataset(request.dataset_uri),
        request.shards[number],
        preprocessing=preprocessing(request.preprocessing),
        batch_size=request.batch_size,
        inputs=request.inputs,
        algorithm=request.calibration.algorithm,
        at_once=min(BATCHES_AT_ONCE, max(1, cores() // request.workers)),
    )
    write_atomically(request.logs[number], (line.encode() for line in records))


def _named(request: Request, number: int, fault: OctavoError) -> OctavoError:
    """The fault with the shard's name."""
    shard = request.shards[number]
    where = f"in the shard {shard.index}, examples {shard.start} to {shard.stop - 1}"
    if isinstance(fault, TaskDiedError):
        return CalibrationError(f"calibration broke off {where}: {fault}")
    return type(fault)(f"{fault} ({where})")
