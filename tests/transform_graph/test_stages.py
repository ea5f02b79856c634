from __future__ import annotations

from pathlib import Path
from typing import get_args

import hypothesis
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples import example
from octavo.graph import const_value
from octavo.ranges.histogram import Histogram
from octavo.ranges.min_max_log import MinMaxLog, Ranges, write_log_file
from octavo.recipe import Algorithm, Calibration, Recipe
from octavo.transform_graph import stages
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.language import parse_steps
from octavo.transform_graph.transform import transform

GRAPH = """
    x = Placeholder()
    low = Const() value=float32<>[0]
    high = Const() value=float32<>[1]
    q = QuantizeV2(x, low, high) T=qint32 mode="SCALED"
    a = RequantizationRange(q, q:1, q:2) Tinput=qint32
    c = QuantizeV2(x, a, a:1) T=quint8 mode="SCALED"
    y = Dequantize(c, c:1, c:2) T=quint8 mode="SCALED"
"""

TUNED = Recipe.parse("{target: public, calibration: {min_percentile: 1, max_percentile: 2}}")


@pytest.mark.parametrize(
    "stage",
    [stages.OPTIMIZE, stages.INSERT_LOGGING, stages.freeze_ranges("log.txt", Recipe()), stages.fuse(TUNED)],
    ids=["optimize", "insert logging", "freeze ranges", "fuse"],
)
def test_every_stage_is_what_its_text_says(stage: stages.Stage) -> None:
    assert parse_steps(" ".join(map(str, stage)), TRANSFORMS) == stage


def test_ranges_are_taken_as_the_recipe_says() -> None:
    step, _ = stages.freeze_ranges("log.txt", TUNED)

    assert step.args["min_percentile"] == 1
    assert step.args["max_percentile"] == 2


NUMBERS = st.builds(
    Calibration,
    algorithm=st.sampled_from(get_args(Algorithm)),
    min_percentile=st.floats(0, 100),
    max_percentile=st.floats(0, 100),
    percentile=st.floats(50, 100, exclude_min=True),
    smoothing=st.floats(0, 1, exclude_min=True),
)


@given(NUMBERS)
@hypothesis.example(Calibration(percentile=99.99999, min_percentile=1e-7, max_percentile=0.1 + 0.2, smoothing=5e-324))
def test_the_recipes_numbers_arrive_as_they_are(calibration: Calibration) -> None:
    stage = stages.freeze_ranges("log.txt", Recipe(calibration=calibration))

    fields = {name: getattr(calibration, name) for name in stages.OF_RANGES}
    assert stage[0].args == {"min_max_log_file": "log.txt", **fields}
    assert parse_steps(" ".join(map(str, stage)), TRANSFORMS) == stage
    assert set(stages.OF_RANGES) == set(Calibration.model_fields) - {"weights", "required_examples"}


def test_a_percentile_near_100_leaves_out_what_is_beyond_it(tmp_path: Path) -> None:
    graph = example(GRAPH, outputs=("y",))
    counted = Histogram.of(np.array([0, 100], np.float32))
    counted.counts[0] = 10**9  # of which 99.99999 % leave out 100
    log = MinMaxLog({"a": Ranges.of([(0, 100)])}, histograms={"a": counted})
    write_log_file(log, tmp_path / "log")
    highs = {}
    for percentile in (99.99999, 100):
        recipe = Recipe(calibration=Calibration(algorithm="percentile", percentile=percentile))
        frozen = transform(graph, stages.freeze_ranges(tmp_path / "log", recipe))
        highs[percentile] = float(const_value(frozen.nodes["a/frozen_max"]))
    assert highs[99.99999] < 1
    assert highs[100] == 100


@pytest.mark.parametrize("name", ['a"b.txt', "a\\", "my logs/a, (b).txt"])
def test_the_log_may_have_any_name(name: str) -> None:
    assert all(step.args["min_max_log_file"] == f"/{name}" for step in stages.freeze_ranges(f"/{name}", Recipe()))


def test_ops_are_those_of_the_recipe() -> None:
    step, _ = stages.fuse(TUNED)

    assert step.args["target"] == "public"
