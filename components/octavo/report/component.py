"""The KFP component of report."""

from kfp import dsl

from octavo.component import component


@component
def report(
    *,
    model: dsl.Input[dsl.Model],
    summary: dsl.Input[dsl.Artifact],
    decisions: dsl.Input[dsl.Artifact],
    fp32_graph: dsl.Input[dsl.Model],
    int8_graph: dsl.Input[dsl.Model],
    fp32_evaluation: dsl.Input[dsl.Artifact],
    int8_evaluation: dsl.Input[dsl.Artifact],
    timings: dsl.Input[dsl.Artifact],
    log: dsl.Input[dsl.Artifact],
    tolerance: float,
    page: dsl.Output[dsl.HTML],
    result: dsl.Output[dsl.Artifact],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Put accuracy, speed, size and what stayed FP32 on one page.

    Args:
        model: The model that fetch_model copied.
        summary: Its summary.
        decisions: What quantize_graph decided.
        fp32_graph: The optimized FP32 graph.
        int8_graph: The INT8 graph.
        fp32_evaluation: The FP32 graph's accuracy.
        int8_evaluation: The INT8 graph's accuracy.
        timings: The benchmark of both.
        log: The merged min/max log, which says how many examples are behind the ranges.
        tolerance: Points of top-1 that the INT8 graph may lose.
        page: The report, one self-contained HTML page.
        result: The same figures as JSON.
        metrics: The main figures, for the list of runs.
    """
    from pathlib import Path

    from octavo.report.report import write_report

    figures = write_report(
        summary=Path(summary.path),
        decisions=Path(decisions.path),
        fp32_evaluation=Path(fp32_evaluation.path),
        int8_evaluation=Path(int8_evaluation.path),
        benchmark=Path(timings.path),
        fp32_graph=Path(fp32_graph.path),
        int8_graph=Path(int8_graph.path),
        model=Path(model.path),
        tolerance=tolerance,
        html=Path(page.path),
        summary_json=Path(result.path),
        log=Path(log.path),
    )
    for name, value in figures.metrics().items():
        metrics.log_metric(name, value)
