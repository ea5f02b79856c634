"""freeze_max and freeze_min."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from examples import example
from octavo.errors import CalibrationError, GraphError, SpecError
from octavo.graph import Graph, const_value
from octavo.transform_graph.transforms.freeze_max import freeze_max
from octavo.transform_graph.transforms.freeze_min import freeze_min

GRAPH = """
    x = Placeholder()
    axes = Const() value=int32<1>[0]
    low = Min(x, axes) Tidx=int32
    high = Max(x, axes) Tidx=int32
    y = Sub(high, low)
"""


@pytest.fixture
def graph() -> Graph:
    return example(GRAPH, outputs=("y",))


def log_of(folder: Path, *lines: str) -> str:
    (folder / "log.txt").write_text("\n".join(lines))
    return str(folder / "log.txt")


def high(value: object) -> str:
    return f";high__print__;__max:[{value}]"


def low(value: object) -> str:
    return f";low__print__;__min:[{value}]"


def test_each_reads_its_own_records_of_one_log(graph: Graph, tmp_path: Path) -> None:
    ranges = ";r__print__;__requant_min_max:[0][1]"
    log = log_of(tmp_path, "[SomePrefix] " + high(2), low(-3), ranges, high(1.5) + low(-1), "irrelevant")
    frozen = freeze_min(freeze_max(graph, min_max_log_file=log), min_max_log_file=log)
    assert const_value(frozen.nodes["high/frozen_max_only"]) == 2
    assert const_value(frozen.nodes["low/frozen_min_only"]) == -3
    assert frozen.nodes["y"].inputs == ("high/frozen_max_only", "low/frozen_min_only")
    assert {"high", "low", "axes"}.isdisjoint(frozen.nodes)


@pytest.mark.parametrize(("percentile", "least", "most"), [(0.0, 0, 39), (5.0, 2, 38), (100.0, 39, 0)])
def test_percentiles_count_from_either_end(
    graph: Graph, tmp_path: Path, percentile: float, least: int, most: int
) -> None:
    log = log_of(tmp_path, *map(low, range(40)), *map(high, range(40)))
    frozen = freeze_max(graph, min_max_log_file=log, max_percentile=percentile)
    frozen = freeze_min(frozen, min_max_log_file=log, min_percentile=percentile)
    assert const_value(frozen.nodes["high/frozen_max_only"]) == most
    assert const_value(frozen.nodes["low/frozen_min_only"]) == least


@pytest.mark.parametrize(
    ("transform", "line", "why"),
    [
        pytest.param(freeze_max, "nothing", "holds no record (1 with no record in it)", id="no_record"),
        pytest.param(freeze_min, high(1), "holds no record like ;NODE__print__;__min:[value]", id="other_kind"),
        pytest.param(freeze_max, high("1.bad"), "holds no record", id="no_number"),
        pytest.param(freeze_max, high(1) + "[2]", "holds no record", id="two_groups"),
        pytest.param(freeze_max, high("nan"), "NaN or infinity for 'high' (1 time)", id="nan"),
        pytest.param(freeze_min, low("-inf"), "NaN or infinity for 'low'", id="infinity"),
        pytest.param(
            freeze_max,
            ";hig__print__;__max:[1]",
            "'hig', which is no node of the graph; near names: high",
            id="unknown",
        ),
        pytest.param(freeze_min, ";high__print__;__min:[1]", "'high', which is a Max; wanted a Min", id="other_op"),
    ],
)
def test_a_log_that_is_not_this_graphs_is_refused(
    graph: Graph, tmp_path: Path, transform: Callable[..., Graph], line: str, why: str
) -> None:
    with pytest.raises(CalibrationError, match=re.escape(why)):
        transform(graph, min_max_log_file=log_of(tmp_path, line))


def test_a_missing_log_is_told(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot be read"):
        freeze_max(graph, min_max_log_file=str(tmp_path / "none.txt"))


@pytest.mark.parametrize("name", ["min_percentile", "max_percentile"])
def test_a_percentile_beyond_100_is_refused(graph: Graph, tmp_path: Path, name: str) -> None:
    with pytest.raises(SpecError, match=f"{name} is 101; wanted 0 to 100"):
        freeze_min(graph, min_max_log_file=log_of(tmp_path, low(1)), **{name: 101})


def test_an_extreme_that_is_fetched_is_not_taken_away(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="drops graph inputs or outputs: high"):
        freeze_max(example(GRAPH, outputs=("high",)), min_max_log_file=log_of(tmp_path, high(1)))
