import itertools
from pathlib import Path

import numpy as np
import pytest

from examples import example
from octavo.errors import CalibrationError
from octavo.graph import Graph, const_value
from octavo.ranges.min_max_log import read_log_file
from octavo.transform_graph.transforms.freeze_bias_corrections import freeze_bias_corrections

NODE = "eightbit_bias_correction/c"
GRAPH = f"""
    x = Placeholder()
    axis = Const() value=int32<1>[0]
    {NODE} = Mean(x, axis)
    y = Neg({NODE})
"""


@pytest.fixture
def graph() -> Graph:
    return example(GRAPH, inputs=("x",), outputs=("y",))


def log_of(folder: Path, *vectors: str, node: str = NODE) -> str:
    path = folder / "log.txt"
    path.write_text("".join(f";{node}__print__;__bias_correction:[{v}]\n" for v in vectors))
    return str(path)


def test_the_constant_is_the_mean_over_the_batches(graph: Graph, tmp_path: Path) -> None:
    frozen = freeze_bias_corrections(graph, min_max_log_file=log_of(tmp_path, "1 2 3", "3 2 -3"))
    assert const_value(frozen.nodes[NODE]).tolist() == [2, 2, 0]
    assert "axis" not in frozen.nodes  # what only the measurement read goes with it


def test_the_constant_depends_neither_on_the_order_nor_on_what_was_summed_before(graph: Graph, tmp_path: Path) -> None:
    vectors = ["1e8 0.1", "-1e8 0.2", "1 0.3"]
    frozen = {
        const_value(freeze_bias_corrections(graph, min_max_log_file=log_of(tmp_path, *order)).nodes[NODE]).tobytes()
        for order in itertools.permutations(vectors)
    }
    log = read_log_file(log_of(tmp_path, *vectors))
    (tmp_path / "log.txt").write_text("".join(log.lines()))
    summed = freeze_bias_corrections(graph, min_max_log_file=str(tmp_path / "log.txt"))
    assert frozen == {const_value(summed.nodes[NODE]).tobytes()}
    assert np.allclose(const_value(summed.nodes[NODE]), [1 / 3, 0.2])


def test_a_log_of_ranges_alone_changes_nothing(graph: Graph, tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text(";r__print__;__requant_min_max:[0][1]\n")
    assert freeze_bias_corrections(graph, min_max_log_file=str(path)).nodes == graph.nodes


@pytest.mark.parametrize(
    ("node", "vectors", "message"),
    [
        pytest.param("eightbit_bias_correction/d", ["1"], "not in the graph, the first 'eightbit", id="another_graph"),
        pytest.param(NODE, ["1 2", "1"], r"lengths \[1, 2\]", id="lengths"),
        pytest.param(NODE, ["1 nan"], "NaN or infinity for 'eightbit", id="not_a_number"),
    ],
)
def test_a_log_that_does_not_fit_is_refused(
    graph: Graph, tmp_path: Path, node: str, vectors: list[str], message: str
) -> None:
    with pytest.raises(CalibrationError, match=message):
        freeze_bias_corrections(graph, min_max_log_file=log_of(tmp_path, *vectors, node=node))
