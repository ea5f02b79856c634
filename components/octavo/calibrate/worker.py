"""What the worker process does of a calibration."""

from __future__ import annotations

from octavo.calibrate.calibrate import Request
from octavo.calibrate.ranges import shard_records
from octavo.data.dataset import open_dataset
from octavo.data.preprocessing import preprocessing
from octavo.files import write_atomically
from octavo.graph.proto import load_graph


def write_log(text: str) -> None:
    """Calibrate in this process and write the log, whole or not at all.

    Args:
        text: a `Request` as JSON.

    Raises:
        OctavoError: as `calibrate_file` does.
    """
    request = Request.model_validate_json(text)
    records = shard_records(
        load_graph(request.logged_graph),
        open_dataset(request.dataset_uri),
        request.shard,
        preprocessing=preprocessing(request.preprocessing),
        batch_size=request.batch_size,
        inputs=request.inputs,
    )
    write_atomically(request.log, "".join(records))
