from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from octavo.benchmark.benchmark import benchmark_graphs
from octavo.errors import GraphError, SpecError
from octavo.graph import save_graph
from octavo.graph.text import parse_graph

CHEAP = """
x = Placeholder() dtype=float32 shape={shape}
w = Const() value=float32<400,8>[0.5]
y = MatMul(x, w) T=float32 transpose_a=false transpose_b=false
"""

COSTLY = """
x = Placeholder() dtype=float32 shape={shape}
a = Const() value=float32<400,6000>[0.5]
b = Const() value=float32<6000,8>[0.5]
h = MatMul(x, a) T=float32 transpose_a=false transpose_b=false
r = Relu(h) T=float32
y = MatMul(r, b) T=float32 transpose_a=false transpose_b=false
"""

BRIEF: dict[str, Any] = {"inputs": ["x"], "outputs": ["y"], "seconds": 0.001, "rounds": 2}


@pytest.fixture
def graph_file(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, shape: str = "<?,400>") -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.pb"
        save_graph(parse_graph(text.format(shape=shape)), path)
        return path

    return write


def test_each_batch_size_is_timed_for_both_graphs(graph_file: Callable[..., Path]) -> None:
    result = benchmark_graphs(graph_file(COSTLY), graph_file(CHEAP), batch_sizes=(1, 4), **BRIEF)
    assert [entry.batch for entry in result.batches] == [1, 4]
    assert result.fixed_batch is None
    for speed in (speed for entry in result.batches for speed in (entry.fp32, entry.int8)):
        low, high = speed.images_per_second_quartiles
        assert 0 < low <= speed.images_per_second <= high
        assert 0 < speed.latency_ms_p50 <= speed.latency_ms_p90
        assert speed.runs >= 2


def test_the_graph_with_600_times_the_arithmetic_is_the_slower_one(graph_file: Callable[..., Path]) -> None:
    result = benchmark_graphs(graph_file(COSTLY), graph_file(CHEAP), batch_sizes=(64,), **BRIEF)
    assert result.batches[0].ratio > 1.5


def test_graphs_that_fix_the_batch_run_at_that_batch_alone(graph_file: Callable[..., Path]) -> None:
    result = benchmark_graphs(graph_file(COSTLY, "<3,400>"), graph_file(CHEAP, "<3,400>"), **BRIEF)
    assert result.fixed_batch == 3
    assert [entry.batch for entry in result.batches] == [3]


def test_graphs_that_fix_different_batches_are_not_compared(graph_file: Callable[..., Path]) -> None:
    with pytest.raises(GraphError, match="FP32 graph's batch is 3 and the INT8 graph's is free"):
        benchmark_graphs(graph_file(CHEAP, "<3,400>"), graph_file(CHEAP), **BRIEF)


def test_an_output_that_is_not_there_is_named(graph_file: Callable[..., Path]) -> None:
    path = graph_file(CHEAP)
    with pytest.raises(GraphError, match="no node named 'z'"):
        benchmark_graphs(path, path, **{**BRIEF, "outputs": ["z"]})


@pytest.mark.parametrize("wrong", [{"batch_sizes": ()}, {"batch_sizes": (0,)}, {"rounds": 0}, {"seconds": -1.0}])
def test_what_is_not_positive_is_refused(graph_file: Callable[..., Path], wrong: dict[str, Any]) -> None:
    path = graph_file(CHEAP)
    with pytest.raises(SpecError, match="must be positive"):
        benchmark_graphs(path, path, **{**BRIEF, **wrong})
