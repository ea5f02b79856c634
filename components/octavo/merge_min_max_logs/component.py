"""The KFP component of merge_min_max_logs."""

from kfp import dsl

from octavo.component import component


@component
def merge_min_max_logs(
    *,
    plan: dsl.Input[dsl.Artifact],
    merged: dsl.Output[dsl.Artifact],
    recipe: str = "",
) -> None:
    """Merge the min/max logs of all shards into one, the same whatever their number.

    Args:
        plan: The plan of the shards, as plan_shards wrote it; calibrate left the logs in its folder.
        merged: One log with every record, in order of nodes.
        recipe: The recipe, a YAML or JSON document, which may allow shards to fail; empty for the default.
    """
    from pathlib import Path

    from octavo.merge_min_max_logs.merge import merge_planned
    from octavo.recipe import Recipe

    required = Recipe.parse(recipe).calibration.required_examples
    merge_planned(Path(plan.path), Path(merged.path), required_examples=required)
