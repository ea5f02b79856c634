from __future__ import annotations

from pathlib import Path

import pytest

from octavo import flow
from octavo.recipe import Recipe
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.language import parse_steps

TUNED = Recipe.parse("{target: public, calibration: {min_percentile: 1, max_percentile: 2}}")


@pytest.mark.parametrize(
    "transforms",
    [flow.OPTIMIZE, flow.INSERT_LOGGING, flow.freeze_ranges("min_max_log.txt", Recipe()), flow.fuse(Recipe())],
    ids=["optimize", "insert logging", "freeze ranges", "fuse"],
)
def test_every_stages_list_can_be_read(transforms: str) -> None:
    assert parse_steps(transforms, TRANSFORMS)


def test_ranges_are_taken_as_the_recipe_says() -> None:
    step, *_ = parse_steps(flow.freeze_ranges("log.txt", TUNED), TRANSFORMS)

    assert step.args["min_percentile"] == 1
    assert step.args["max_percentile"] == 2


def test_the_log_may_lie_in_a_folder_with_blanks() -> None:
    step, *_ = parse_steps(flow.freeze_ranges(Path("/my logs/a, (b).txt"), Recipe()), TRANSFORMS)

    assert step.args["min_max_log_file"] == "/my logs/a, (b).txt"


def test_ops_are_those_of_the_recipe() -> None:
    step, *_ = parse_steps(flow.fuse(TUNED), TRANSFORMS)

    assert step.args["target"] == "public"
