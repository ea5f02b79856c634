"""The KFP component of merge_min_max_logs."""

from kfp import dsl

from octavo.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def merge_min_max_logs(
    *,
    logs: dsl.Input[list[dsl.Artifact]],
    merged: dsl.Output[dsl.Artifact],
    recipe: str = "",
) -> None:
    """Merge min/max logs into one, the same whatever their order and number.

    Args:
        logs: The logs of all shards; text captured from a program of one's own is welcome.
        merged: One log with every record, in order of nodes.
        recipe: The recipe, a YAML or JSON document, which may allow shards to fail; empty for the default.
    """
    from pathlib import Path

    from octavo.merge_min_max_logs.merge import merge_logs
    from octavo.recipe import Recipe

    required = Recipe.parse(recipe).calibration.required_examples
    merge_logs([Path(log.path) for log in logs], Path(merged.path), required_examples=required)
