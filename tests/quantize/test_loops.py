"""Models with loops, from the files that users have to INT8 graphs."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pytest

from graphs import Stages, quantized, run
from loop_models import FORMS, NAMES, SAVED_MODEL, Written, write
from octavo.cli import main
from octavo.documents.decisions import Decision
from octavo.freeze_graph.freeze import frozen_model
from octavo.graph import Graph
from octavo.quantize_graph.quantize import quantize
from octavo.recipe import Recipe
from octavo.runtime.machine import cpu_info, int8_instructions
from octavo.summarize_graph.summarize import summarize_model
from octavo.transform_graph.stages import INSERT_LOGGING, OPTIMIZE, Stage, freeze_ranges, fuse
from octavo.transform_graph.transform import transform

NEAR = 0.02
"""The largest difference of a class's probability between INT8 and FP32."""

SATURATED = 0.2
"""The same on a processor without INT8 multiply-adds, whose products saturate."""

IN_LOOPS = {
    "lstm": {"MatMul": 2},
    "unrolled_lstm": {},
    "gru": {"MatMul": 2},
    "bidirectional": {"MatMul": 4},
    "conv_lstm": {"Conv2D": 8},
    "masked_lstm": {"MatMul": 2},
    "stacked_cells": {"MatMul": 4},
    "custom_cell": {"MatMul": 2},
    "map_fn": {"MatMul": 1},
    "while_loop": {"MatMul": 1},
}
"""Model -> what stays FP32 because it is in a loop."""

Models = Callable[[str], Written]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A model by name, written once."""
    made: dict[str, Written] = {}

    def find(name: str) -> Written:
        if name not in made:
            made[name] = write(name, tmp_path_factory.mktemp(name))
        return made[name]

    return find


def frozen(file: Path) -> Graph:
    ends = summarize_model(file).ends()
    graph = frozen_model(file, input_names=ends.inputs, output_names=ends.outputs).graph
    return graph.with_ends(ends.inputs, ends.outputs)


@pytest.mark.parametrize(("name", "suffix"), FORMS, ids=["".join(form) for form in FORMS])
def test_a_model_with_a_loop_becomes_one_graph_that_gives_the_same(model: Models, name: str, suffix: str) -> None:
    written = model(name)
    graph = frozen(written.files[suffix])
    assert graph.library is None
    np.testing.assert_allclose(run(graph, written.x)[0], written.y, rtol=0, atol=1e-5)


@pytest.fixture(scope="module", params=NAMES)
def stages(request: pytest.FixtureRequest, model: Models) -> tuple[str, Stages, list[Decision]]:
    """A model's name, its graphs, and the verdicts."""
    written = model(request.param)
    optimized = transform(frozen(next(iter(written.files.values()))), OPTIMIZE)
    return request.param, quantized(optimized, written.x), quantize(optimized, Recipe())[1]


def test_int8_answers_are_near_those_of_fp32(stages: tuple[str, Stages, list[Decision]]) -> None:
    fp32, ranged, int8 = stages[1].outputs()
    np.testing.assert_allclose(ranged, fp32, rtol=0, atol=NEAR)
    near = NEAR if int8_instructions(cpu_info()) else SATURATED
    np.testing.assert_allclose(int8, fp32, rtol=0, atol=near)


def test_what_is_in_a_loop_stays_fp32_and_says_so(stages: tuple[str, Stages, list[Decision]]) -> None:
    name, _, decisions = stages
    reasons = Counter(d.op for d in decisions if d.reason == "it is in the body of a loop")
    assert reasons == IN_LOOPS[name]
    left = {d.op for d in decisions if d.verdict == "FP32" and d.reason != "it is in the body of a loop"}
    assert left <= {"ConcatV2"}, "all convs and matmuls outside of loops are INT8"


def octavo(*words: object) -> str:
    """Run `octavo ...`; its standard output."""
    said = io.StringIO()
    with pytest.raises(SystemExit) as end, redirect_stdout(said):
        main([str(word) for word in words])
    assert end.value.code == 0, said.getvalue()
    return said.getvalue()


def flags(**values: object) -> list[str]:
    return [f"--{name}={value}" for name, value in values.items()]


@pytest.mark.int8
@pytest.mark.parametrize(
    ("name", "suffix", "source"),
    [("gru", ".h5", "input_graph"), ("while_loop", SAVED_MODEL, "input_saved_model_dir")],
)
def test_the_steps_one_by_one_take_a_loop_to_int8(
    model: Models, name: str, suffix: str, source: str, tmp_path: Path
) -> None:
    written = model(name)
    data = written.data(tmp_path / "data.npz")
    fp32, optimized, dynamic, logged, ranged, int8 = (tmp_path / f"{step}.pb" for step in "fodlri")
    log, decisions = tmp_path / "log.txt", tmp_path / "decisions.json"
    ends = {"inputs": "x", "outputs": "classes"}
    fed = {"dataset": data, "preprocessing": "raw", "inputs": "x"}

    def transform_graph(before: Path, after: Path, stage: Stage) -> None:
        transforms = " ".join(map(str, stage))
        octavo("transform_graph", *flags(in_graph=before, out_graph=after, transforms=transforms, **ends))

    octavo("freeze_graph", *flags(**{source: written.files[suffix], "output_graph": fp32}))
    transform_graph(fp32, optimized, OPTIMIZE)
    quantizing = {"mode": "eightbit", "intel_cpu_eightbitize": True, "output_node_names": "classes"}
    octavo("quantize_graph", *flags(input=optimized, output=dynamic, decisions=decisions, **quantizing))
    transform_graph(dynamic, logged, INSERT_LOGGING)
    octavo("calibrate", *flags(in_graph=logged, log=log, **fed))
    transform_graph(dynamic, ranged, freeze_ranges(log, Recipe()))
    transform_graph(ranged, int8, fuse(Recipe()))

    assert "top-1 100.00" in octavo("evaluate", *flags(in_graph=optimized, outputs="classes", **fed))
    octavo("evaluate", *flags(in_graph=int8, outputs="classes", **fed))
    octavo("benchmark", *flags(fp32_graph=optimized, int8_graph=int8, rounds=1, seconds=0.01, **ends))
    told = octavo("explain", decisions)
    assert "it is in the body of a loop" in told
    assert "unroll the loop before quantizing" in told


@pytest.mark.int8
def test_one_command_takes_a_saved_model_with_two_loops_to_int8(model: Models, tmp_path: Path) -> None:
    written = model("bidirectional")
    data = written.data(tmp_path / "data.npz")
    given = {"calibration": data, "validation": data, "preprocessing": "raw", "tolerance": 100, "output": tmp_path}
    said = octavo("quantize", written.files[SAVED_MODEL], *flags(**given))
    assert "4 MatMul" in said
    assert (tmp_path / "int8.pb").is_file()
