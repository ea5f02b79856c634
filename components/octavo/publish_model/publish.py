"""Copy an INT8 model to where it will be served from, if it is accurate enough."""

from __future__ import annotations

import hashlib
import logging
import math
import socket
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from octavo.documents.result import Result, Top1
from octavo.errors import AccuracyError, GraphError, SpecError, StorageError
from octavo.notes import counted
from octavo.publish_model.undo import Undo
from octavo.storage import Claim, claimed, join, read_bytes, upload
from octavo.storage.partial import opened

LOG = logging.getLogger(__name__)


def publish_model(
    int8_graph: Path,
    summary: Path,
    report: Path | None,
    target_uri: str,
    *,
    tolerance: float,
    decisions: Path | None = None,
) -> list[str]:
    """Write report.html, decisions.json, summary.json and, last, int8.pb into the folder `target_uri`.

    Whoever finds a new int8.pb there finds its figures as well. Of several publishers one writes at a time, and one
    that fails half-way puts back what it has replaced, so that the files of two never stand side by side, except behind
    one that died half-way. A model whose accuracy nobody measured (its summary has no top-1) is published: its summary
    says so.

    Args:
        int8_graph: the INT8 graph.
        summary: the summary.json that report wrote about it.
        report: the page; None leaves it out.
        target_uri: a folder: file://, s3://, minio://, gs:// or a path.
        tolerance: points of top-1 that the INT8 graph may lose.
        decisions: what quantize_graph decided, for `octavo explain`; None leaves it out.

    Returns:
        The URIs that were written, in order.

    Raises:
        AccuracyError: when the graph lost more, is not the one that was measured, or FP32 itself only guesses; nothing
            is written then.
        GraphError: when one of the files cannot be read.
        SpecError: when the tolerance is negative or no number.
        StorageError: when the target cannot be written, or another publisher does not finish.
    """
    figures = Result.read(summary)
    _check_same_graph(int8_graph, figures.sha256)
    _check_accuracy(figures.top1, tolerance)
    found = ((report, "report.html"), (decisions, "decisions.json"), (summary, "summary.json"), (int8_graph, "int8.pb"))
    files = {join(target_uri, name): path for path, name in found if path is not None}
    for path in files.values():
        opened(path).close()
    owner = f"the publisher of the graph {figures.sha256[:12]} on {socket.gethostname()}"
    with claimed(target_uri, owner) as claim:
        _replace(files, claim, figures.sha256)
        claim.keep(lambda: None)
    LOG.info("published %s to %s", counted(len(files), "file"), target_uri)
    return list(files)


def _replace(files: Mapping[str, Path], claim: Claim, sha256: str) -> None:
    """Write the files in turn, the graph last, or put back what stood in their places."""
    *documents, graph = files
    undo = claim.keep(lambda: Undo(documents))
    try:
        for uri in documents:
            claim.keep(partial(upload, files[uri], uri))
        claim.keep(lambda: _upload_graph(files[graph], graph, sha256))
    except BaseException as fault:
        mixed = _undone(undo, claim)
        if mixed and isinstance(fault, StorageError):
            raise StorageError(f"{fault}; {mixed}") from fault
        raise


def _upload_graph(path: Path, uri: str, sha256: str) -> None:
    """Write the graph; that the store's answer is lost does not matter where the graph is there."""
    try:
        upload(path, uri)
    except StorageError:
        if not _holds(uri, sha256):
            raise


def _holds(uri: str, sha256: str) -> bool:
    """Whether the object is the graph of that checksum, as far as the store says."""
    try:
        return hashlib.sha256(read_bytes(uri)).hexdigest() == sha256.lower()
    except StorageError:
        return False


def _undone(undo: Undo, claim: Claim) -> str:
    """Put back what was replaced while nobody else writes; what is left of the failed publishing, in a phrase."""
    try:
        claim.check()
    except StorageError:
        return "another publisher has taken over"
    left = undo.put_back()
    return f"{', '.join(left)} may be the new model's, beside an int8.pb that is not: publish again" if left else ""


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
    if top1.at_chance:
        raise AccuracyError(
            f"FP32 itself names only {top1.fp32:.2f} % of the images rightly, no more than guessing would; nothing was "
            "published: check the preprocessing first, then the order of the classes and the labels"
        )
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
