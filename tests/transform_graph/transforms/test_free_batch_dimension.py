import logging
from pathlib import Path

import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph, const_value, load_graph
from octavo.transform_graph.transforms.free_batch_dimension import free_batch_dimension

HEAD = "x = Placeholder() shape=<1,2,3>"


def graph_of(text: str, *, outputs: tuple[str, ...] = ("y",)) -> Graph:
    return example(f"{HEAD}\n{text}", inputs=("x",), outputs=outputs)


def assert_freed(graph: Graph) -> Graph:
    """Freed, with each row of a batch of 3 as it was alone; within 1e-5 of values around 1."""
    freed = free_batch_dimension(graph).graph
    assert freed.nodes["x"].shape("shape") == (None, 2, 3)
    x = random(3, 2, 3)
    alone = [values(graph, {"x": x[row : row + 1]})[0] for row in range(3)]
    np.testing.assert_allclose(values(freed, {"x": x})[0], np.concatenate(alone), atol=1e-5)
    assert free_batch_dimension(freed).graph == freed
    return freed


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        pytest.param("s = Const() value=int32<2>[1, 6]\ny = Reshape(x, s)", [-1, 6], id="fixed"),
        pytest.param("s = Const() value=int32<2>[1, -1]\ny = Reshape(x, s)", [-1, 6], id="batch_was_the_known_one"),
        pytest.param("s = Const() value=int32<2>[-1, 6]\ny = Reshape(x, s)", [-1, 6], id="free_already"),
        pytest.param("s = Const() value=int64<3>[1, 3, 2]\ny = Reshape(x, s) Tshape=int64", [-1, 3, 2], id="int64"),
    ],
)
def test_a_reshape_is_freed(text: str, shape: list[int]) -> None:
    freed = assert_freed(graph_of(text))
    np.testing.assert_array_equal(const_value(freed.nodes["s"]), shape)


def test_a_graph_without_reshapes_is_freed() -> None:
    assert_freed(graph_of("y = Tanh(x)"))


def test_a_shape_constant_that_something_else_reads_is_copied() -> None:
    text = """
        w = Const() value=float32<6>[1, 2, 3, 4, 5, 6]
        s = Const() value=int32<2>[1, 6]
        r = Reshape(w, s)
        f = Reshape(x, s)
        y = Mul(f, r)
    """
    freed = assert_freed(graph_of(text))
    np.testing.assert_array_equal(const_value(freed.nodes["s"]), [1, 6])
    assert freed.nodes["f"].inputs == ("x", "f/free_shape")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(
            "p = Const() value=int32<3>[1, 0, 2]\ny = Sum(x, p)",
            "two examples give 'y' the shape",
            id="sums_over_the_batch",
        ),
        pytest.param(
            "a = Const() value=int32<1>[0]\nm = Mean(x, a) keep_dims=true\ny = Sub(x, m)",
            "a row of 'y' differs by",
            id="rows_meet",
        ),
        pytest.param(
            "s = Const() value=int32<1>[6]\ny = Reshape(x, s)", "'y'|fails to run|cannot load", id="no_batch_left"
        ),
        pytest.param(
            "t = Const() value=float32<1,2,3>[1]\na = Const() value=int32<>[0]\ny = ConcatV2(x, t, a)",
            "'y'",
            id="grows",
        ),
        pytest.param(
            "n = Const() value=int32<1>[3]\nr = RandomUniform(n) T=int32 dtype=float32\ny = Mul(x, r)",
            "differs",
            id="random",
        ),
        pytest.param(
            "l = Const() value=float32<>[0]\nh = Const() value=float32<>[1]\ny = QuantizeV2(x, l, h) T=quint8",
            "quantized ops",
            id="quantized",
        ),
    ],
)
def test_a_graph_whose_rows_are_not_independent_stays(text: str, why: str, caplog: pytest.LogCaptureFixture) -> None:
    graph = graph_of(text)
    with caplog.at_level(logging.WARNING):
        assert free_batch_dimension(graph).graph is graph
    [record] = caplog.records
    assert record.getMessage().startswith("free_batch_dimension: the batch stays 1: ")
    assert any(part in record.getMessage() for part in why.split("|"))


def test_outputs_must_be_known(caplog: pytest.LogCaptureFixture) -> None:
    graph = example(f"{HEAD}\ny = Relu(x)")
    assert free_batch_dimension(graph).graph is graph
    assert "name them with --outputs" in caplog.text


@pytest.mark.parametrize("shape", ["<?,2>", "<4,2>", "<>", "<...>"])
def test_other_leading_dimensions_are_left_alone(shape: str) -> None:
    graph = example(f"x = Placeholder() shape={shape}\ny = Relu(x)", outputs=("y",))
    assert free_batch_dimension(graph).graph is graph


@pytest.mark.models
def test_a_real_mobilenet_is_freed(test_data: Path) -> None:
    graph = load_graph(test_data / "models" / "mobilenet_v1_1.0_224.pb")
    graph = graph.with_ends(["input"], ["MobilenetV1/Predictions/Softmax"]).without_dead_nodes()
    freed = free_batch_dimension(graph).graph
    assert values(freed, {"input": random(3, 224, 224, 3)})[0].shape == (3, 1001)
