"""The judgement on all images, from what a graph thinks of them shard by shard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from octavo.data.blocks import Labels
from octavo.documents.evaluation import Evaluation
from octavo.documents.ranking import Ranking
from octavo.errors import DataError
from octavo.evaluate.chance import at_chance
from octavo.graph.tensors import Array

WITH_BACKGROUND = 1001
"""Classes of a graph that was trained on ImageNet's 1000 and one for anything else, in front of them."""


def merge_rankings(rankings: Sequence[Ranking]) -> Evaluation:
    """Judge the images of all shards: exact counts, the same whatever the order and the number of the shards.

    Raises:
        DataError: when a shard is missing or there twice, the shards are of different graphs, or labels and classes do
            not fit together.
    """
    ordered = sorted(rankings, key=lambda ranking: ranking.start)
    _check_whole(ordered)
    labels = np.concatenate([np.array(ranking.labels, np.int64) for ranking in ordered])
    best = np.concatenate([np.array(ranking.best, np.int64) for ranking in ordered])
    first = ordered[0]
    offset = _offset(first.classes, labels) if first.label_offset is None else first.label_offset
    correct1, correct5 = _counted(best, labels, offset, first.classes)
    return Evaluation(
        images=len(labels),
        classes=first.classes,
        top1=100 * correct1 / len(labels),
        top5=100 * correct5 / len(labels),
        correct1=correct1,
        correct5=correct5,
        predictions=best[:, 0].tolist(),
        label_offset=offset,
        at_chance=at_chance(best[:, 0].tolist(), (labels + offset).tolist()),
        batch_size=first.batch_size,
        seconds=sum(ranking.seconds for ranking in ordered),
        output=first.output,
        outputs=first.outputs,
        rivals=first.rivals,
    )


def _check_whole(ordered: Sequence[Ranking]) -> None:
    """Confirm that the shards follow each other from the first image on, and are of one graph."""
    if not ordered:
        raise DataError("there are no evaluations to merge; wanted one of each shard")
    end = 0
    for ranking in ordered:
        if ranking.start != end:
            what = "no evaluation is of" if ranking.start > end else "two evaluations are of"
            low, high = sorted((ranking.start, end))
            raise DataError(f"{what} the images {low} to {high - 1}; wanted each shard once")
        end = ranking.stop
    for name in ("output", "classes", "batch_size", "label_offset"):
        values = {getattr(ranking, name) for ranking in ordered}
        if len(values) > 1:
            raise DataError(f"the shards differ in {name} ({sorted(values, key=str)}); wanted evaluations of one graph")


def _counted(best: Array, labels: Labels, offset: int, classes: int) -> tuple[int, int]:
    """How many labels are the best class, and among the best five."""
    wanted = labels + offset
    if wanted.max() >= classes or wanted.min() < 0:
        raise DataError(
            f"the labels are {labels.min()} to {labels.max()} and label 0 is the class {offset}, but the graph tells "
            f"{classes} classes apart; check the data set and the preprocessing's label_offset"
        )
    correct1 = int(np.count_nonzero(best[:, 0] == wanted))
    return correct1, int(np.count_nonzero(best == wanted[:, None]))


def _offset(classes: int, labels: Labels) -> int:
    """1 where the graph has a background class that the labels do not count."""
    return int(classes == WITH_BACKGROUND and labels.max() < WITH_BACKGROUND - 1)
