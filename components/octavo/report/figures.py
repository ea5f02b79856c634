"""From the steps' documents to the figures of the report."""

from __future__ import annotations

from octavo.documents.decisions import Decisions
from octavo.documents.evaluation import Evaluation
from octavo.documents.result import Accuracy, Counts, Fp32Node, Rates, Top1
from octavo.documents.timings import Timings
from octavo.errors import DataError

NOT_LOWERED = "it was to be INT8, but no INT8 kernel took it in; it computes in FP32 on rounded values"


def top1(fp32: Evaluation, int8: Evaluation) -> Top1:
    """Top-1 of both graphs.

    Raises:
        DataError: when the evaluations are of different images, or of none.
    """
    if fp32.images != int8.images or len(fp32.predictions) != len(int8.predictions):
        raise DataError(
            f"the FP32 graph was evaluated on {fp32.images} images and the INT8 graph on {int8.images}; "
            "wanted the same images for both"
        )
    if fp32.images == 0:
        raise DataError("the evaluations are of no images; wanted a validation set with labels")
    flips = sum(a != b for a, b in zip(fp32.predictions, int8.predictions, strict=True))
    accuracy = _accuracy(fp32.correct1, int8.correct1, fp32.images)
    return Top1(**accuracy.model_dump(), flips=flips, at_chance=fp32.at_chance)


def top5(fp32: Evaluation, int8: Evaluation) -> Accuracy:
    """Top-5 of both graphs."""
    return _accuracy(fp32.correct5, int8.correct5, fp32.images)


def accepted(top_1: Top1 | None, tolerance: float) -> bool | None:
    """Whether FP32 does more than guess and INT8 lost no more points of top-1 than it may; None where not measured."""
    return None if top_1 is None else -top_1.difference <= tolerance and not top_1.at_chance


def rates(timings: Timings | None) -> dict[str, Rates]:
    """Batch size -> images a second."""
    if timings is None:
        return {}
    return {
        str(entry.batch): Rates(fp32=entry.fp32.images_per_second, int8=entry.int8.images_per_second, ratio=entry.ratio)
        for entry in timings.batches
    }


def fp32_nodes(decisions: Decisions, still_float: frozenset[str]) -> tuple[Fp32Node, ...]:
    """The nodes that could be INT8 and are not.

    Args:
        decisions: what quantize_graph decided.
        still_float: names of nodes that were to be INT8 and compute in float in the finished graph.
    """
    found = []
    for node in decisions.nodes:
        if node.verdict != "INT8":
            reason = _reason(node.kind, node.reason)
            found.append(Fp32Node(name=node.name, op=node.op, reason=reason, way_out=node.way_out))
        elif node.name in still_float:
            found.append(Fp32Node(name=node.name, op=node.op, reason=NOT_LOWERED))
    return tuple(found)


def counts(decisions: Decisions, left: tuple[Fp32Node, ...]) -> Counts:
    """How many nodes are INT8, and how many are not."""
    return Counts(INT8=len(decisions.nodes) - len(left), FP32=len(left))


def by_op(decisions: Decisions, left: tuple[Fp32Node, ...]) -> dict[str, Counts]:
    """The same for each op type, the most frequent one first."""
    total: dict[str, int] = {}
    for node in decisions.nodes:
        total[node.op] = total.get(node.op, 0) + 1
    ops = sorted(total, key=lambda op: (-total[op], op))
    remaining = {op: sum(node.op == op for node in left) for op in ops}
    return {op: Counts(INT8=total[op] - remaining[op], FP32=remaining[op]) for op in ops}


def _accuracy(right_fp32: int, right_int8: int, images: int) -> Accuracy:
    return Accuracy(
        fp32=_percent(right_fp32, images),
        int8=_percent(right_int8, images),
        difference=_percent(right_int8 - right_fp32, images),
        images=images,
    )


def _percent(count: int, images: int) -> float:
    """A percentage from counts, rounded so that 1 in 1,000 is 0.1 and not a hair more."""
    return round(100 * count / images, 6)


def _reason(kind: str | None, reason: str | None) -> str:
    if reason is None:
        return kind or "no reason was recorded"
    return reason
