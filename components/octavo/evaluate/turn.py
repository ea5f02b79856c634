"""One turn of the loop over evaluation."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from octavo.data.parts import Parts, Turn, shard_of
from octavo.data.versions import check_unchanged
from octavo.evaluate.evaluate import evaluate_shard

LOG = logging.getLogger(__name__)


def evaluate_turn(turn: Turn) -> None:
    """Run a turn's shard through the graph that it is about, and leave the ranking in the loop's folder.

    Raises:
        OctavoError: as `evaluate_shard` does, when the folder, the graph or the shard is not there, or when
            the data set was changed since its shards were planned.
    """
    parts = Parts(turn.parts)
    plan = parts.plan()
    shard = shard_of(turn, plan)
    with tempfile.TemporaryDirectory(prefix="octavo-turn-") as folder:
        graph, ranking = parts.fetch_graph(turn.kind, Path(folder)), Path(folder, "ranking")
        if graph is None:
            LOG.info("another run has merged what this turn would do")
            return
        ends = graph.ends()
        evaluate_shard(
            graph.graph,
            ranking,
            dataset_uri=parts.manifest,
            shard=shard,
            preprocessing=plan.preprocessing,
            batch_size=plan.batch_size,
            inputs=ends.inputs,
            outputs=ends.outputs,
        )
        check_unchanged(parts, plan)  # what is left here is taken by whoever plans the same
        LOG.info("left %s", parts.leave(turn.kind, shard, ranking))
