"""The union of min/max logs, in an order that does not depend on theirs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from pathlib import Path

from octavo.errors import CalibrationError
from octavo.files import write_atomically
from octavo.graph.min_max_log import MinMaxLog, read_log_file


def merge_logs(logs: Sequence[Path], merged: Path) -> MinMaxLog:
    """Merge logs, calibrate's or captured from a program's standard error, into one in canonical order.

    Args:
        logs: the logs, in any order.
        merged: the file to write: by node, then by smallest and largest value.

    Returns:
        What was merged, with what was skipped.

    Raises:
        CalibrationError: when there are no logs, or one cannot be read, holds no record, or holds NaN or infinity.
    """
    if not logs:
        raise CalibrationError("there are no min/max logs to merge")
    log = reduce(or_, map(read_log_file, logs))
    write_atomically(merged, "".join(log.lines()))
    return log
