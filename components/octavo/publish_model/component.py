"""The KFP component of publish_model."""

from kfp import dsl

from octavo.component import component


@component
def publish_model(
    *,
    int8_graph: dsl.Input[dsl.Model],
    figures: dsl.Input[dsl.Artifact],
    report: dsl.Input[dsl.HTML],
    target_uri: str,
    tolerance: float,
) -> list[str]:
    """Copy an INT8 model, its figures and its report to object storage, if the model is accurate enough.

    Args:
        int8_graph: The INT8 graph, with what was decided about each of its nodes.
        figures: What report found, as JSON.
        report: The page that report wrote.
        target_uri: The folder to write to: s3://, minio://, gs:// or file://.
        tolerance: Points of top-1 that the INT8 graph may lose; nothing is written when it loses more.

    Returns:
        The URIs that were written.
    """
    from pathlib import Path

    from octavo.graph_folder import graph_folder
    from octavo.publish_model.publish import publish_model

    int8 = graph_folder(int8_graph.path)
    return publish_model(
        int8.graph,
        Path(figures.path),
        Path(report.path),
        target_uri,
        tolerance=tolerance,
        decisions=int8.decisions,
    )
