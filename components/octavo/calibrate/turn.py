"""One turn of the loop over calibration."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from octavo.calibrate.calibrate import calibrate_file
from octavo.data.parts import Parts, read_turn, shard_of
from octavo.graph_folder import GraphFolder
from octavo.recipe import Recipe


def calibrate_turn(graph: GraphFolder, given: Mapping[str, Any]) -> str:
    """Run a turn's shard through the logged graph, and leave its log in the loop's folder.

    Args:
        graph: the dynamic-range graph with logging inserted.
        given: the turn, as plan_calibration made it.

    Returns:
        The URI of the log.

    Raises:
        OctavoError: as `calibrate_file` does, or when the folder or the shard is not there.
    """
    turn = read_turn(given)
    parts = Parts(turn.parts)
    plan = parts.plan()
    shard = shard_of(turn, plan)
    with tempfile.TemporaryDirectory(prefix="octavo-log-") as folder:
        log = Path(folder, "log")
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
        return parts.leave(turn.kind, shard, log)
