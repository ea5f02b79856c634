import re
from pathlib import Path

import numpy as np
import pytest

from examples import example, values
from octavo.errors import CalibrationError, GraphError, SpecError
from octavo.graph import Graph, const_value
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.freeze_requantization_ranges import (
    freeze_requantization_ranges,
)

GRAPH = """
    x = Placeholder() shape=<1,3>
    lo = Const() value=float32<>[-3]
    hi = Const() value=float32<>[11]
    q = QuantizeV2(x, lo, hi) T=qint32
    range_op = RequantizationRange(q, q:1, q:2)
    requantize_op = Requantize(q, q:1, q:2, range_op, range_op:1) Tinput=qint32 out_type=quint8
    y = Dequantize(requantize_op, requantize_op:1, requantize_op:2) T=quint8
    other = RequantizationRange(q, q:1, q:2)
    z = Neg(other)
"""
LOG = """
some text at the beginning
[SomePrefix] ;range_op__print__;__requant_min_max:[-2.4313571][10.584145]
some text at the end
"""


@pytest.fixture
def graph() -> Graph:
    return example(GRAPH, inputs=("x",), outputs=("y", "z"))


def log_of(folder: Path, text: str) -> str:
    path = folder / "min_max_log.txt"
    path.write_text(text)
    return str(path)


def record(node: str, low: object, high: object) -> str:
    return f";{node}__print__;__requant_min_max:[{low}][{high}]\n"


def test_the_original_test_of_the_transform(graph: Graph, tmp_path: Path) -> None:
    frozen = freeze_requantization_ranges(graph, min_max_log_file=log_of(tmp_path, LOG))
    assert "range_op" not in frozen.nodes
    names = frozen.nodes["requantize_op"].inputs[3:]
    assert names == ("range_op/frozen_min", "range_op/frozen_max")
    low, high = (const_value(frozen.nodes[name]) for name in names)
    np.testing.assert_array_equal(low, np.float32(-2.4313571), strict=True)
    np.testing.assert_array_equal(high, np.float32(10.584145), strict=True)


def test_nodes_that_the_log_does_not_name_stay(graph: Graph, tmp_path: Path) -> None:
    frozen = freeze_requantization_ranges(graph, min_max_log_file=log_of(tmp_path, LOG))
    assert frozen.nodes["other"] == graph.nodes["other"]
    assert list(frozen.nodes)[:4] == ["x", "lo", "hi", "q"]


def test_control_edges_follow(tmp_path: Path) -> None:
    graph = example(GRAPH + "n = NoOp(^other)", outputs=("n",))
    frozen = freeze_requantization_ranges(graph, min_max_log_file=log_of(tmp_path, record("other", 0, 1)))
    assert frozen.nodes["n"].inputs == ("^other/frozen_min",)


def test_what_only_the_range_read_goes(tmp_path: Path) -> None:
    graph = example(
        "x = Placeholder()\nlo = Const() value=float32<>[0]\nq = QuantizeV2(x, lo, lo) T=qint32\n"
        "r = RequantizationRange(q, q:1, q:2)\ny = AddN(x, r, r:1) N=3",
        inputs=("x",),
        outputs=("y",),
    )
    frozen = freeze_requantization_ranges(graph, min_max_log_file=log_of(tmp_path, record("r", 0, 1)))
    assert list(frozen.nodes) == ["x", "r/frozen_min", "r/frozen_max", "y"]
    assert values(frozen, {"x": 3.0})[0] == 4


def test_the_order_of_records_does_not_matter(graph: Graph, tmp_path: Path) -> None:
    records = [record("other", -n, n) for n in range(1, 40)]
    texts = ("".join(records), "".join(reversed(records)))
    first, second = (to_text(freeze_requantization_ranges(graph, min_max_log_file=log_of(tmp_path, t))) for t in texts)
    assert first == second


@pytest.mark.parametrize(
    ("log", "why"),
    [
        pytest.param("nothing\n", "holds no record", id="no_record"),
        pytest.param(
            record("othre", 0, 1),
            "1 nodes that are not in the graph, the first 'othre'; near names: other",
            id="unknown",
        ),
        pytest.param(record("q", 0, 1), "'q', which is a QuantizeV2; wanted a RequantizationRange", id="another_op"),
        pytest.param(record("other", 0, "nan"), "NaN or infinity for 'other'", id="nan"),
        pytest.param(record("other", "-inf", 0), "NaN or infinity for 'other'", id="infinity"),
    ],
)
def test_a_log_that_is_not_this_graphs_is_refused(graph: Graph, tmp_path: Path, log: str, why: str) -> None:
    with pytest.raises(CalibrationError, match=re.escape(why)):
        freeze_requantization_ranges(graph, min_max_log_file=log_of(tmp_path, log))


def test_a_missing_log_is_told(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot be read"):
        freeze_requantization_ranges(graph, min_max_log_file=str(tmp_path / "none.txt"))


def test_a_percentile_beyond_100_is_refused(graph: Graph, tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="max_percentile is 101; wanted 0 to 100"):
        freeze_requantization_ranges(graph, min_max_log_file=log_of(tmp_path, LOG), max_percentile=101)


def test_a_range_that_is_fetched_is_not_taken_away(tmp_path: Path) -> None:
    graph = example(GRAPH, outputs=("other",))
    with pytest.raises(GraphError, match="drops graph inputs or outputs: other"):
        freeze_requantization_ranges(graph, min_max_log_file=log_of(tmp_path, record("other", 0, 1)))
