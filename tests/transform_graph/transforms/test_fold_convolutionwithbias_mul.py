import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph
from octavo.graph.rewrite import apply_rules
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.fold_convolutionwithbias_mul import (
    fold_convolutionwithbias_mul,
    fold_scaled_bias,
)

HEAD = "x = Placeholder() shape=<1,1,6,2>\nc = Conv2D(x, w)\nb = BiasAdd(c, bias)\n"
X = np.array([1, 4, 2, 5, 3, 6, -1, -4, -2, -5, -3, -6], np.float32).reshape(1, 1, 6, 2)


def graph_of(tail: str, outputs: tuple[str, ...] = ("y",)) -> Graph:
    consts = {
        "w": np.array([1, 2, 3, 4, 0.1, 0.2, 0.3, 0.4], np.float32).reshape(1, 2, 2, 2),
        "bias": np.array([0.1, 0.6], np.float32),
        "two": np.array([2], np.float32),
        "each": np.array([2, -3], np.float32),
        "rows": random(5, 1),
    }
    return example(HEAD + tail, inputs=("x",), outputs=outputs, consts=consts).without_dead_nodes()


def assert_folded(before: Graph) -> None:
    after = fold_convolutionwithbias_mul(before).graph
    assert "Mul" not in {node.op for node in after.nodes.values()}
    for old, new in zip(values(before, {"x": X}), values(after, {"x": X}), strict=True):
        np.testing.assert_allclose(new, old, atol=2e-5)
    assert fold_convolutionwithbias_mul(after).graph == after


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param("y = Mul(b, two)", id="the_originals_test_which_has_no_add_and_could_not_pass"),
        pytest.param("m = Mul(b, two)\ny = Add(c2, m)\nc2 = Conv2D(x, w)", id="second_input_of_an_add"),
        pytest.param("m = Mul(two, b)\ny = AddV2(m, c2)\nc2 = Conv2D(x, w)", id="first_input_of_an_addv2"),
        pytest.param("y = Mul(b, each)", id="one_number_a_channel"),
    ],
)
def test_the_scale_goes_into_weights_and_bias(tail: str) -> None:
    assert_folded(graph_of(tail))


@pytest.mark.parametrize(
    ("tail", "outputs", "why"),
    [
        pytest.param("y = Mul(b, rows)", ("y",), "wanted one number a channel", id="one_number_a_row"),
        pytest.param("r = Relu(two)\ny = Mul(b, r)", ("y",), "wanted a constant", id="scale_not_constant"),
        pytest.param("y = Mul(b, two)", ("y", "b"), "BiasAdd is a graph output", id="bias_fetched"),
        pytest.param("m = Mul(b, two)\ny = Add(b, m)", ("y",), "BiasAdd feeds 2 nodes", id="bias_read_twice"),
        pytest.param("y = Mul(b, b)", ("y",), "wanted b once", id="squared"),
        pytest.param("y = Relu(b)", ("y",), "Relu", id="no_scale"),
    ],
)
def test_says_why_it_left_the_conv_alone(tail: str, outputs: tuple[str, ...], why: str) -> None:
    graph = graph_of(tail, outputs)
    outcome = apply_rules(graph, [fold_scaled_bias])
    assert to_text(outcome.graph) == to_text(graph)
    with pytest.raises(Exception, match=why):
        raise outcome.reason("c")[1]
