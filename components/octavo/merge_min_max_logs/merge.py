"""The union of min/max logs, in an order that does not depend on theirs."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from octavo.data.parts import Parts, describe_shards
from octavo.data.shard import Shard
from octavo.errors import CalibrationError
from octavo.notes import counted
from octavo.ranges.min_max_log import MinMaxLog, describe_skipped, join_logs, read_log_file, write_log_file
from octavo.recipe import Recipe

LOG = logging.getLogger(__name__)

KIND = "min_max_log"
"""What calibration leaves of a shard."""


def merge_logs(
    logs: Sequence[Path], merged: Path, *, required_examples: float = 1.0, shards: Sequence[Shard] = ()
) -> MinMaxLog:
    """Merge logs, calibrate's or captured from a program's standard error, into one in canonical order.

    Args:
        logs: the logs, in any order, plain or compressed by gzip.
        merged: the file to write: by node, then by smallest and largest value.
        required_examples: the share of the examples that must have been calibrated, where the logs say which they are
            of.
        shards: what was planned; the logs must be of all of it. Left out, only what lies between two logs is missed.

    Returns:
        What was merged, with what was skipped.

    Raises:
        CalibrationError: when there are no logs; one cannot be read, is cut off, holds no record, or holds NaN or
            infinity; a node is missing from some of them; two are of the same examples; a planned shard has no log; or
            too many examples are missing.
    """
    if not logs:
        raise CalibrationError("there are no min/max logs to merge")
    read = [(str(path), read_log_file(path)) for path in logs]
    log = join_logs([part for _, part in read])
    _check_nodes([(path, part) for path, part in read if len(part)])
    _check_shards(log, shards)
    _check_examples(log, required_examples)
    write_log_file(log, merged)
    what = (counted(len(logs), "log"), counted(len(log), "record"), counted(len(log.nodes), "node"))
    LOG.info("merged %s: %s of %s", *what)
    return log


def merge_parts(folder: str, merged: Path) -> MinMaxLog:
    """Merge the logs that the turns of a loop have left in its folder, or take what was merged of them before.

    Args:
        folder: the URI of the loop's folder.
        merged: the file to write: see `merge_logs`.

    Raises:
        DataError: when a shard has left no log, which the message names.
        CalibrationError: as `merge_logs` does.
        StorageError: when the store cannot be reached or refuses.
    """
    parts = Parts(folder)
    if parts.settled(KIND, merged):
        LOG.info("took what an earlier run has merged")
        return read_log_file(merged)
    plan = parts.plan()
    required = Recipe.parse(plan.recipe).calibration.required_examples
    with tempfile.TemporaryDirectory(prefix="octavo-logs-") as gathered:
        logs = parts.gather(KIND, plan.shards, Path(gathered))
        log = merge_logs(logs, merged, required_examples=required, shards=plan.shards)
    parts.settle(KIND, merged)
    for note in notes_on(log):
        LOG.warning("%s", note)
    return log


def missing_examples(log: MinMaxLog) -> tuple[int, int]:
    """How many examples failed shards have left out of a log, and how many there are with them."""
    missing = sum(part.stop - part.start for part in log.examples if part.missing)
    return missing, sum(part.stop - part.start for part in log.examples)


def notes_on(log: MinMaxLog) -> list[str]:
    """What a merged log lacks, a line each: examples of shards that failed, and lines that were skipped."""
    missing, examples = missing_examples(log)
    lacks = f"missing: {missing} of {examples} examples, those of shards that failed" if missing else ""
    skipped = f"skipped lines: {describe_skipped(log.skipped)}" if log.skipped else ""
    return [note for note in (lacks, skipped) if note]


def _check_nodes(logs: Sequence[tuple[str, MinMaxLog]]) -> None:
    """Confirm that all logs have ranges, and histograms, of the same nodes."""
    for what in ("ranges", "histograms"):
        every = frozenset().union(*(getattr(log, what) for _, log in logs))
        for path, log in logs:
            if lacks := sorted(every - getattr(log, what).keys()):
                lines = f" (lines skipped there: {describe_skipped(log.skipped)})" if log.skipped else ""
                raise CalibrationError(
                    f"the min/max log {path!r} lacks {len(lacks)} of the {len(every)} nodes whose {what} other logs "
                    f"hold, the first {lacks[0]!r}{lines}; wanted logs of one graph, whole"
                )


def _check_shards(log: MinMaxLog, shards: Sequence[Shard]) -> None:
    """Confirm that the log is of every planned shard."""
    lacking = [
        shard
        for shard in shards
        if sum(max(0, min(part.stop, shard.stop) - max(part.start, shard.start)) for part in log.examples)
        < shard.stop - shard.start
    ]
    if lacking:
        raise CalibrationError(
            f"{len(lacking)} of {len(shards)} shards have no min/max log, or no whole one: {describe_shards(lacking)}; "
            "wanted the logs of all shards that were planned"
        )


def _check_examples(log: MinMaxLog, required: float) -> None:
    """Confirm that no shard's log has been forgotten, and that failed ones are few enough."""
    for before, behind in zip(log.examples, log.examples[1:], strict=False):
        if before.stop != behind.start:
            raise CalibrationError(
                f"no min/max log is of the examples {before.stop} to {behind.start - 1}; wanted the logs of all shards"
            )
    missing, examples = missing_examples(log)
    if missing and 1 - missing / examples < required:
        stretches = ", ".join(f"{part.start} to {part.stop - 1}" for part in log.examples if part.missing)
        raise CalibrationError(
            f"{missing} of {examples} calibration examples are missing, those of failed shards ({stretches}); the "
            f"recipe wants {100 * required:.15g} % of them"
        )
