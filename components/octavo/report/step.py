"""The report of a run, as a step of the pipeline."""

from __future__ import annotations

from pathlib import Path

from octavo.documents.result import Result
from octavo.evaluate.evaluate import evaluation_file
from octavo.files import write_atomically
from octavo.graph_folder import GraphFolder
from octavo.report.report import write_report
from octavo.report.wording import verdict_text


def report_run(
    *,
    fp32: GraphFolder,
    int8: GraphFolder,
    evaluations: Path,
    timings: Path,
    log: Path,
    tolerance: float,
    html: Path,
    figures: Path,
    verdict: Path,
) -> Result:
    """Write the report of two graphs and the figures in it: see `write_report`.

    Args:
        fp32: the optimized FP32 graph.
        int8: the INT8 graph.
        evaluations: the folder that merge_evaluations wrote.
        timings: what benchmark wrote.
        log: the merged min/max log.
        tolerance: points of top-1 that INT8 may lose.
        html: where the page goes.
        figures: where the JSON goes.
        verdict: where the verdict goes, as Markdown.

    Raises:
        OctavoError: as `write_report` does.
    """
    result = write_report(
        summary=int8.summary,
        decisions=int8.decisions,
        fp32_evaluation=evaluation_file(evaluations, "fp32"),
        int8_evaluation=evaluation_file(evaluations, "int8"),
        benchmark=timings,
        fp32_graph=fp32.graph,
        int8_graph=int8.graph,
        model=int8.path,
        tolerance=tolerance,
        html=html,
        summary_json=figures,
        log=log,
    )
    write_atomically(verdict, verdict_text(result))
    return result
