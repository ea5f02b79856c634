"""The KFP component of publish_model."""

from kfp import dsl

from octavo.component import component


@component
def publish_model(
    *,
    int8_graph: dsl.Input[dsl.Model],
    result: dsl.Input[dsl.Artifact],
    page: dsl.Input[dsl.HTML],
    decisions: dsl.Input[dsl.Artifact],
    target_uri: str,
    tolerance: float,
) -> list[str]:
    """Copy an INT8 model, its figures and its report to object storage, if the model is accurate enough.

    Args:
        int8_graph: The INT8 graph.
        result: The figures that report wrote.
        page: The page that report wrote.
        decisions: What quantize_graph decided, which `octavo explain` reads.
        target_uri: The folder to write to: s3://, minio://, gs:// or file://.
        tolerance: Points of top-1 that the INT8 graph may lose; nothing is written when it loses more.

    Returns:
        The URIs that were written.
    """
    from pathlib import Path

    from octavo.publish_model.publish import publish_model

    return publish_model(
        Path(int8_graph.path),
        Path(result.path),
        Path(page.path),
        target_uri,
        tolerance=tolerance,
        decisions=Path(decisions.path),
    )
