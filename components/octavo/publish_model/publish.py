"""Copy an INT8 model to where it will be served from, if it is accurate enough."""

from __future__ import annotations

import hashlib
import math
import socket
from pathlib import Path

from pydantic import BaseModel, FiniteFloat, ValidationError

from octavo.errors import AccuracyError, GraphError, SpecError
from octavo.storage import claimed, join, upload
from octavo.storage.partial import opened


class Top1(BaseModel):
    """Percent of the images named rightly; `difference` is INT8's minus FP32's."""

    fp32: FiniteFloat
    int8: FiniteFloat
    difference: FiniteFloat


class Figures(BaseModel):
    """What of summary.json decides; `top1` is null when there were no validation data."""

    top1: Top1 | None
    sha256: str


def publish_model(
    int8_graph: Path, summary: Path, report: Path | None, target_uri: str, *, tolerance: float
) -> list[str]:
    """Write report.html, summary.json and, last, int8.pb into the folder `target_uri`.

    Whoever finds a new int8.pb there finds its figures as well. Of several publishers one writes at a time, so that the
    files of two never stand side by side, except behind one that died half-way. A model whose accuracy nobody measured
    (its summary has no top-1) is published: its summary says so.

    Args:
        int8_graph: the INT8 graph.
        summary: the summary.json that report wrote about it.
        report: the page; None leaves it out.
        target_uri: a folder: file://, s3://, minio://, gs:// or a path.
        tolerance: points of top-1 that the INT8 graph may lose.

    Returns:
        The URIs that were written, in order.

    Raises:
        AccuracyError: when the graph lost more, or is not the one that was measured; nothing is written then.
        GraphError: when one of the files cannot be read.
        SpecError: when the tolerance is negative or no number.
        StorageError: when the target cannot be written, or another publisher does not finish.
    """
    figures = _read(summary)
    _check_same_graph(int8_graph, figures.sha256)
    _check_accuracy(figures.top1, tolerance)
    if report is not None:
        opened(report).close()
    files = ((report, "report.html"), (summary, "summary.json"), (int8_graph, "int8.pb"))
    owner = f"the publisher of the graph {figures.sha256[:12]} on {socket.gethostname()}"
    written = []
    with claimed(target_uri, owner) as claim:
        for path, name in files:
            if path is not None:
                claim.check()
                upload(path, join(target_uri, name))
                written.append(join(target_uri, name))
        claim.check()
    return written


def _read(summary: Path) -> Figures:
    try:
        return Figures.model_validate_json(summary.read_bytes())
    except OSError as fault:
        raise GraphError(f"the summary {str(summary)!r} cannot be read: {fault.strerror}") from fault
    except ValidationError as fault:
        first = fault.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise GraphError(
            f"{str(summary)!r} is no summary of a quantized model ({place}: {first['msg']}); "
            "wanted the summary.json that `octavo report` writes"
        ) from fault


def _check_same_graph(int8_graph: Path, wanted: str) -> None:
    try:
        with int8_graph.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise GraphError(f"the INT8 graph {str(int8_graph)!r} cannot be read: {fault.strerror}") from fault
    if found != wanted.lower():
        raise AccuracyError(
            f"the accuracy in the summary was measured on another graph (sha256 {wanted[:12]}...) than "
            f"{str(int8_graph)!r} ({found[:12]}...); nothing was published: write the report of this graph first"
        )


def _check_accuracy(top1: Top1 | None, tolerance: float) -> None:
    if math.isnan(tolerance) or tolerance < 0:
        raise SpecError(f"a tolerance of {tolerance} points makes no sense; wanted 0 or more")
    if top1 is None:
        return
    if abs(top1.int8 - top1.fp32 - top1.difference) > 0.01:
        raise AccuracyError(
            f"the summary contradicts itself (top-1 {top1.fp32} -> {top1.int8}, difference {top1.difference}); "
            "nothing was published"
        )
    if -top1.difference > tolerance:
        raise AccuracyError(
            f"INT8 loses {-top1.difference:.2f} points of top-1 ({top1.fp32:.2f} -> {top1.int8:.2f}), more than the "
            f"{tolerance:g} allowed; nothing was published: exclude the nodes that lose most, "
            "calibrate on more images, or raise the tolerance"
        )
