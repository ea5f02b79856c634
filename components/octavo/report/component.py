"""The KFP component of report."""

from kfp import dsl

from octavo.component import component


@component
def report(
    *,
    fp32_graph: dsl.Input[dsl.Model],
    int8_graph: dsl.Input[dsl.Model],
    evaluations: dsl.Input[dsl.Artifact],
    timings: dsl.Input[dsl.Artifact],
    log: dsl.Input[dsl.Artifact],
    tolerance: float,
    report: dsl.Output[dsl.HTML],
    figures: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
    verdict: dsl.Output[dsl.Markdown],
) -> None:
    """Put accuracy, speed, size and what stayed FP32 on one page.

    Args:
        fp32_graph: The optimized FP32 graph.
        int8_graph: The INT8 graph, with what was decided about each of its nodes.
        evaluations: Both graphs' accuracy.
        timings: The benchmark of both.
        log: The merged min/max log, which says how many examples are behind the ranges.
        tolerance: Points of top-1 that the INT8 graph may lose.
        report: The report, one self-contained HTML page.
        figures: The same figures as JSON.
        metrics: The main figures, for the list of runs.
        verdict: The verdict in five lines, where runs are compared.
    """
    from pathlib import Path

    from octavo.graph_folder import graph_folder
    from octavo.report.step import report_run

    result = report_run(
        fp32=graph_folder(fp32_graph.path),
        int8=graph_folder(int8_graph.path),
        evaluations=Path(evaluations.path),
        timings=Path(timings.path),
        log=Path(log.path),
        tolerance=tolerance,
        html=Path(report.path),
        figures=Path(figures.path),
        verdict=Path(verdict.path),
    )
    for name, value in result.metrics().items():
        metrics.log_metric(name, value)
