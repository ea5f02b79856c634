"""One turn of the loop over evaluation."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from octavo.data.parts import Parts, read_turn, shard_of
from octavo.errors import DataError
from octavo.evaluate.evaluate import evaluate_shard
from octavo.graph_folder import GraphFolder


def evaluate_turn(graphs: Mapping[str, GraphFolder], given: Mapping[str, Any]) -> str:
    """Run a turn's shard through the graph that it is about, and leave the ranking in the loop's folder.

    Args:
        graphs: the turn's kind -> the graph.
        given: the turn, as plan_evaluation made it.

    Returns:
        The URI of the ranking.

    Raises:
        OctavoError: as `evaluate_shard` does, or when there is no such graph, folder or shard.
    """
    turn = read_turn(given)
    if turn.kind not in graphs:
        raise DataError(f"the turn {turn.as_text()!r} is about no graph of {', '.join(graphs)}")
    parts, graph = Parts(turn.parts), graphs[turn.kind]
    plan = parts.plan()
    shard, ends = shard_of(turn, plan), graph.ends()
    with tempfile.TemporaryDirectory(prefix="octavo-ranking-") as folder:
        ranking = Path(folder, "ranking")
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
        return parts.leave(turn.kind, shard, ranking)
