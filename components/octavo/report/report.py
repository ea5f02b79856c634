"""Put the outcome of all steps on one page and into one JSON file."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from octavo import __version__
from octavo.documents.decisions import Decisions
from octavo.documents.evaluation import Evaluation
from octavo.documents.model_record import RECORD, ModelRecord
from octavo.documents.result import Accuracy, Calibrated, Result, Sizes, Top1
from octavo.documents.summary import Summary
from octavo.documents.timings import Timings, Untimed
from octavo.errors import GraphError
from octavo.files import write_atomically
from octavo.graph import Graph, load_graph
from octavo.ranges.min_max_log import read_log_file
from octavo.report import figures
from octavo.report.int8_graph import Range, other_float_ops, ranges, still_float
from octavo.report.missing import Missing
from octavo.report.page import Details, drawn, plain_page, render
from octavo.report.wording import verdict, verdict_reason

LOG = logging.getLogger(__name__)


def write_report(
    *,
    summary: Path,
    decisions: Path,
    fp32_evaluation: Path | None,
    int8_evaluation: Path | None,
    benchmark: Path | None,
    fp32_graph: Path,
    int8_graph: Path,
    model: Path | None,
    tolerance: float,
    html: Path,
    summary_json: Path,
    log: Path | None = None,
) -> Result:
    """Write the report and the JSON summary.

    What cannot be drawn, or was not timed, is said in both; neither fails for it.

    Args:
        summary: what summarize_graph wrote.
        decisions: what quantize_graph wrote.
        fp32_evaluation: the FP32 graph's accuracy; None where it was not measured.
        int8_evaluation: the INT8 graph's accuracy, on the same images.
        benchmark: what benchmark wrote, timings or why there are none; None where it did not run.
        fp32_graph: the optimized FP32 graph.
        int8_graph: the INT8 graph.
        model: the folder that fetch_model filled; None where there is none.
        tolerance: points of top-1 that INT8 may lose.
        html: where the page goes.
        summary_json: where the JSON goes.
        log: the merged min/max log, for how many examples are behind it; None where there is none.

    Raises:
        GraphError: when one of the files cannot be read or is not what its step writes.
        DataError: when the two evaluations are of different images.
    """
    verdicts = Decisions.read(decisions)
    missing = Missing()
    timings = _timings(benchmark, missing)
    fetched = _fetched(model)
    graph = load_graph(int8_graph)
    (fp32_size, fp32_sha256), (int8_size, int8_sha256) = _file(fp32_graph), _file(int8_graph)
    left = figures.fp32_nodes(verdicts, still_float(graph, verdicts))
    top1, top5 = _accuracy(fp32_evaluation, int8_evaluation)
    details = Details(
        summary=Summary.read(summary),
        model=fetched,
        timings=timings,
        by_op=figures.by_op(verdicts, left),
        ranges=missing.unless_made("the calibrated ranges", lambda: ranges(graph)) or (),
        conversions=_conversions(graph),
        fp32_sha256=fp32_sha256,
    )
    charts = drawn(details, missing)
    result = Result(
        octavo=__version__,
        model=None if fetched is None else fetched.model_dump(mode="json", include={"uri", "kind", "files"}),
        top1=top1,
        top5=top5,
        bytes=Sizes(fp32=fp32_size, int8=int8_size),
        images_per_second=figures.rates(timings),
        quantized=figures.counts(verdicts, left),
        fp32_nodes=left,
        other_fp32_ops=other_float_ops(graph, verdicts),
        tolerance=tolerance,
        accepted=figures.accepted(top1, tolerance),
        sha256=int8_sha256,
        recipe=verdicts.recipe,
        calibrated=_calibrated(details.ranges, log),
        missing=tuple(missing.sentences),
    )
    page = missing.unless_made("its page", lambda: render(result, details, charts))
    result = result.model_copy(update={"missing": tuple(missing.sentences)})
    write_atomically(html, plain_page(result) if page is None else page)
    result.write(summary_json)
    LOG.info("%s. %s", verdict(result), verdict_reason(result))
    return result


def _timings(benchmark: Path | None, missing: Missing) -> Timings | None:
    """The timings; where there are none, the reason goes into `missing`."""
    if benchmark is None:
        return None
    why = Untimed.read(benchmark).missing
    if why is None:
        return Timings.read(benchmark)
    missing.sentences.append(f"The report lacks the speeds: {why}")
    return None


def _fetched(model: Path | None) -> ModelRecord | None:
    record = None if model is None else model / RECORD
    return ModelRecord.read(record) if record is not None and record.is_file() else None


def _accuracy(fp32: Path | None, int8: Path | None) -> tuple[Top1 | None, Accuracy | None]:
    if fp32 is None or int8 is None:
        return None, None
    before, after = (Evaluation.read(path) for path in (fp32, int8))
    return figures.top1(before, after), figures.top5(before, after)


def _calibrated(of: Sequence[Range], log: Path | None) -> Calibrated:
    found = {each.name: (each.low, each.high) for each in of}
    parts = () if log is None else read_log_file(log).examples
    if not parts:
        return Calibrated(ranges=found)
    missing = sum(part.stop - part.start for part in parts if part.missing)
    return Calibrated(examples=sum(part.stop - part.start for part in parts), missing=missing, ranges=found)


def _conversions(graph: Graph) -> int:
    return sum(node.op in {"QuantizeV2", "Dequantize"} for node in graph.nodes.values())


def _file(graph: Path) -> tuple[int, str]:
    """A graph file's size in bytes and its SHA-256."""
    try:
        with graph.open("rb") as file:
            return graph.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as fault:
        raise GraphError(f"the graph file {str(graph)!r} cannot be read: {fault.strerror}") from fault
