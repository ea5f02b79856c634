"""The KFP component of merge_min_max_logs."""

from kfp import dsl

from octavo.component import component


@component
def merge_min_max_logs(*, parts: str, log: dsl.Output[dsl.Artifact]) -> None:
    """Merge the min/max logs of all shards into one, the same whatever their number.

    Args:
        parts: The loop's folder, in which calibrate left its logs.
        log: One log with every record, in order of nodes.
    """
    from pathlib import Path

    from octavo.merge_min_max_logs.merge import merge_parts

    merge_parts(parts, Path(log.path))
