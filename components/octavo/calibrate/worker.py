"""The process that calibrates a shard: a request on standard input, a fault on standard output."""

from __future__ import annotations

import sys

from octavo import errors
from octavo.calibrate.calibrate import FAILED, Fault, Request
from octavo.calibrate.ranges import shard_records
from octavo.data.dataset import open_dataset
from octavo.data.preprocessing import preprocessing
from octavo.errors import OctavoError
from octavo.files import write_atomically
from octavo.graph.proto import load_graph


def main() -> int:
    """Do what standard input asks for; the exit status."""
    try:
        write_log(Request.model_validate_json(sys.stdin.read()))
    except OctavoError as fault:
        sys.stdout.write(Fault(kind=_kind(fault), message=str(fault)).model_dump_json() + "\n")
        return FAILED
    return 0


def write_log(request: Request) -> None:
    """Calibrate in this process and write the log, whole or not at all. Raises as `calibrate_file` does."""
    records = shard_records(
        load_graph(request.logged_graph),
        open_dataset(request.dataset_uri),
        request.shard,
        preprocessing=preprocessing(request.preprocessing),
        batch_size=request.batch_size,
        inputs=request.inputs,
    )
    write_atomically(request.log, "".join(records))


def _kind(fault: OctavoError) -> str:
    """The nearest class of the error tree."""
    return next(kind.__name__ for kind in type(fault).__mro__ if kind.__module__ == errors.__name__)


if __name__ == "__main__":
    sys.exit(main())
