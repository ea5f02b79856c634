import numpy as np
import pytest

from examples import example, random, values
from octavo.graph import Graph, const_value
from octavo.graph.rewrite import apply_rules
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.fold_subdivmul_batch_norms import fold_norm, fold_subdivmul_batch_norms

X = np.array([1, 4, 2, 5, 3, 6, -1, -4, -2, -5, -3, -6], np.float32).reshape(1, 1, 6, 2)
CHAIN = "s = Sub(c, mean)\nn = RealDiv(s, d)\nm = Mul(n, gamma)\ny = BiasAdd(m, beta)"


def graph_of(tail: str, outputs: tuple[str, ...] = ("y",)) -> Graph:
    consts = {
        "w": np.array([1, 2, 3, 4, 0.1, 0.2, 0.3, 0.4], np.float32).reshape(1, 2, 2, 2),
        "mean": np.array([10, 20], np.float32),
        "d": np.array([0.25, 0.5], np.float32),
        "gamma": np.array([1, 2], np.float32),
        "beta": np.array([0.1, 0.6], np.float32),
        "long": random(3),
    }
    head = "x = Placeholder() shape=<1,1,6,2>\nc = Conv2D(x, w)\n"
    return example(head + tail, inputs=("x",), outputs=outputs, consts=consts).without_dead_nodes()


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param(CHAIN, id="the_originals_test"),
        pytest.param(CHAIN.replace("n, gamma", "gamma, n"), id="gamma_on_the_left"),
        pytest.param(CHAIN.replace("y = ", "e = ") + "\ny = AddV2(e, c2)\nc2 = Conv2D(x, w)", id="shared_weights"),
    ],
)
def test_the_norm_goes_into_weights_and_bias(tail: str) -> None:
    before = graph_of(tail)
    after = fold_subdivmul_batch_norms(before).graph
    assert not {"Sub", "RealDiv", "Mul"} & {node.op for node in after.nodes.values()}
    np.testing.assert_allclose(values(after, {"x": X})[0], values(before, {"x": X})[0], rtol=2e-5, atol=2e-5)
    assert fold_subdivmul_batch_norms(after).graph == after


def test_weights_and_bias_follow_the_formula() -> None:
    before = graph_of(CHAIN)
    after = fold_subdivmul_batch_norms(before).graph
    w, mean, d, gamma, beta = (const_value(before.nodes[name]) for name in ("w", "mean", "d", "gamma", "beta"))
    np.testing.assert_allclose(const_value(after.nodes["w"]), w * gamma / d, rtol=1e-6)
    np.testing.assert_allclose(const_value(after.nodes["c_bn_offset"]), -mean * gamma / d + beta, rtol=1e-6)


@pytest.mark.parametrize(
    ("tail", "outputs", "why"),
    [
        pytest.param(CHAIN.replace("mean)", "long)"), ("y",), "one number a channel", id="vector_of_another_length"),
        pytest.param(CHAIN, ("y", "n"), "RealDiv is a graph output", id="fetched_in_the_middle"),
        pytest.param(CHAIN.replace("Sub(c, mean)", "Sub(mean, c)"), ("y",), "in another place", id="subtracted_from"),
        pytest.param("m = Mul(c, gamma)\ny = BiasAdd(m, beta)", ("y",), "Mul", id="no_sub"),
    ],
)
def test_says_why_it_left_the_conv_alone(tail: str, outputs: tuple[str, ...], why: str) -> None:
    graph = graph_of(tail, outputs)
    outcome = apply_rules(graph, [fold_norm])
    assert to_text(outcome.graph) == to_text(graph)
    with pytest.raises(Exception, match=why):
        raise outcome.reason("c")[1]
