"""What a graph thinks of some images, shard by shard, and the judgement on all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from octavo.data.blocks import Labels
from octavo.errors import DataError
from octavo.evaluate.chance import at_chance
from octavo.graph.tensors import Array

WITH_BACKGROUND = 1001
"""Classes of a graph that was trained on ImageNet's 1000 and one for anything else, in front of them."""


class Evaluation(BaseModel):
    """How often a graph is right.

    Attributes:
        images: how many were judged.
        classes: how many the graph tells apart.
        top1: percent whose best class is the label.
        top5: percent whose label is among the best five classes, or among all where there are fewer.
        correct1: images behind `top1`.
        correct5: images behind `top5`.
        predictions: the best class of each image, in the data set's order, as the graph counts classes.
        label_offset: the graph's class of label 0.
        at_chance: whether its answers tell no more about the labels than guesses would.
        batch_size: images that went through the graph at once.
        seconds: time spent in the graph, over all shards, the first run of each left out where there are more.
        output: the output that was scored.
        outputs: how many there were.
        rivals: others that look like scores, too.
    """

    model_config = ConfigDict(frozen=True)

    images: int
    classes: int
    top1: float
    top5: float
    correct1: int
    correct5: int
    predictions: list[int]
    label_offset: int
    at_chance: bool = False
    batch_size: int
    seconds: float
    output: str
    outputs: int
    rivals: list[str]

    def lines(self) -> list[str]:
        """The counts, what they are of, and whether they are worth something, as lines of text."""
        counts = [
            f"top-1 {self.top1:.2f} ({self.correct1} of {self.images})",
            f"top-5 {self.top5:.2f} ({self.correct5} of {self.images})",
        ]
        guessing = "No better than guessing: check the preprocessing first, then the order of the classes"
        return [*counts, *filter(None, (self.note(), guessing if self.at_chance else ""))]

    def note(self) -> str:
        """What was scored, and how another output would be; "" where there was but one."""
        if self.outputs == 1:
            return ""
        scored = f"top-1 and top-5 are of the output {self.output!r}"
        if not self.rivals:
            return scored
        others = ", ".join(map(repr, self.rivals))
        verb = "looks" if len(self.rivals) == 1 else "look"
        choose = "name the one that counts first with --outputs (in the pipeline output_names)"
        return f"{scored}; {others} {verb} like scores for classes, too: {choose}"


class Ranking(BaseModel):
    """What a graph thinks of the images of a shard; whether it is right is judged when all are known.

    Attributes:
        start: the first image.
        stop: one past the last image.
        best: the classes of each image from the best downwards, five or fewer.
        labels: the images' classes, as the data set counts them.
        classes: how many the graph tells apart.
        label_offset: the graph's class of label 0, where the preprocessing says it.
        batch_size: images that went through the graph at once.
        seconds: see `Evaluation`.
        output: see `Evaluation`.
        outputs: see `Evaluation`.
        rivals: see `Evaluation`.
    """

    model_config = ConfigDict(frozen=True)

    start: int
    stop: int
    best: list[list[int]]
    labels: list[int]
    classes: int
    label_offset: int | None
    batch_size: int
    seconds: float
    output: str
    outputs: int
    rivals: list[str]


def read_ranking(path: Path) -> Ranking:
    """Read what a shard's evaluation wrote.

    Raises:
        DataError: when the file cannot be read or holds something else.
    """
    try:
        return Ranking.model_validate_json(path.read_bytes())
    except OSError as fault:
        raise DataError(f"the shard's evaluation {str(path)!r} cannot be read: {fault.strerror}") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        raise DataError(f"{str(path)!r} is no shard's evaluation: {first['loc']}: {first['msg']}") from fault


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
