"""One turn of the loop over calibration."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from octavo.calibrate.calibrate import calibrate_file
from octavo.data.parts import Parts, Turn, shard_of
from octavo.data.versions import check_unchanged
from octavo.recipe import Recipe

LOG = logging.getLogger(__name__)


def calibrate_turn(turn: Turn) -> None:
    """Run a turn's shard through the logged graph, and leave its log in the loop's folder.

    Raises:
        OctavoError: as `calibrate_file` does, when the folder, the graph or the shard is not there, or when
            the data set was changed since its shards were planned.
    """
    parts = Parts(turn.parts)
    plan = parts.plan()
    shard = shard_of(turn, plan)
    with tempfile.TemporaryDirectory(prefix="octavo-turn-") as folder:
        graph, log = parts.fetch_graph(turn.kind, Path(folder)), Path(folder, "log")
        if graph is None:
            LOG.info("another run has merged what this turn would do")
            return
        calibrate_file(
            graph.graph,
            log,
            dataset_uri=parts.manifest,
            shard=shard,
            preprocessing=plan.preprocessing,
            batch_size=plan.batch_size,
            inputs=graph.ends().inputs,
            calibration=Recipe.parse(plan.recipe).calibration,
        )
        check_unchanged(parts, plan)  # what is left here is taken by whoever plans the same
        LOG.info("left %s", parts.leave(turn.kind, shard, log))
