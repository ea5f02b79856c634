"""What each pod of a Job does: one turn of the loop."""

from __future__ import annotations

import logging

from octavo.calibrate.turn import calibrate_turn
from octavo.errors import SpecError
from octavo.evaluate.turn import evaluate_turn
from octavo.indexed_job.inputs import read_work

LOG = logging.getLogger(__name__)


def run_shard(folder: str, index: int) -> None:
    """Do the turn of an index, as the pod of a loop does it. What it makes, it leaves in the loop's folder.

    Args:
        folder: the URI of what the step has stored for its pods.
        index: the pod's.

    Raises:
        SpecError: when there is no such turn.
        OctavoError: as the turn does.
    """
    work = read_work(folder)
    if not 0 <= index < len(work.turns):
        raise SpecError(f"there is no index {index}: the Job has {len(work.turns)}, from 0 on")
    turn = work.turns[index]
    LOG.info("shard %d of %d", turn.shard, len(work.turns))
    (calibrate_turn if work.step == "calibrate" else evaluate_turn)(turn)
