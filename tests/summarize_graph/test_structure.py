import numpy as np
import pytest

from octavo.errors import GraphError
from octavo.graph.graph import Graph, Node
from octavo.graph.tensors import Array, const_node
from octavo.graph.text import parse_graph
from octavo.summarize_graph.structure import structure, summarize_value


def test_lists_each_node_after_what_it_reads_the_latest_ready_first() -> None:
    graph = parse_graph("""
        a = Const() value=float32<>[1]
        b = Const() value=float32<2>[2, 3]
        s = AddV2(a, b)
        n = NoOp(^s)
        t = Split(a, b, ^n)
        u = Neg(t:1)
    """)
    assert list(structure(graph)) == [
        "b (Const): [], value=Tensor<type: float shape: [2] values: 2 3>",
        "a (Const): [], value=Tensor<type: float shape: [] values: 1>",
        "s (AddV2): [a, b]",
        "n (NoOp): [^s]",
        "t (Split): [a, b, ^n]",
        "u (Neg): [t:1]",
    ]


def test_a_while_loop_is_no_circle() -> None:
    graph = parse_graph("""
        x = Placeholder()
        e = Enter(x)
        m = Merge(e, i)
        s = Switch(m, m)
        i = NextIteration(s:1)
        o = Exit(s)
    """)
    assert [line.split()[0] for line in structure(graph)] == ["x", "e", "m", "s", "o", "i"]


def test_a_circle_is_an_error_that_counts_its_nodes() -> None:
    graph = Graph({}).with_nodes([Node("a", "Neg", ("b",)), Node("b", "Neg", ("a",)), Node("x", "Placeholder")])
    with pytest.raises(GraphError, match="2 nodes read each other in a circle"):
        list(structure(graph))


def test_a_const_without_a_value_is_listed_without_one() -> None:
    assert list(structure(Graph({}).with_nodes([Node("c", "Const")]))) == ["c (Const): []"]


def test_types_that_tensorflow_cannot_print_are_question_marks() -> None:
    graph = Graph({}).with_nodes([const_node("c", np.arange(4, dtype=np.int32), "qint32")])
    assert list(structure(graph)) == ["c (Const): [], value=Tensor<type: qint32 shape: [4] values: ? ? ?...>"]


SAMPLES: dict[str, Array] = {
    "digits": np.array([-5.75943518, 3.4359085, 1 / 3], np.float32),
    "matrix": np.arange(24, dtype="f").reshape(2, 3, 4)[:, :2, :2],
    "long_rows": np.arange(8, dtype="f").reshape(2, 4),
    "columns": np.array([[1], [2], [3], [4]], np.int32),
    "scalar": np.array(0.1, np.float32),
    "double": np.array([0.1, 1 / 3], np.float64),
    "half": np.array([0.1, 1e-7], np.float16),
    "large_and_small": np.array([1e20, -1e-20, 1234567], np.float32),
    "not_finite": np.array([np.nan, np.inf, -np.inf], np.float32),
    "boolean": np.array([[True, False], [True, True]]),
    "strings": np.array([b'say "a"\n', b"\xc3\xa9\x01", b"it's"]),
    "empty": np.zeros((0, 3), "f"),
    "many": np.arange(100, dtype=np.uint8),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_values_are_shown_as_tensorflow_shows_them(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    import tensorflow as tf

    value = SAMPLES[name]
    with tf.Graph().as_default():
        printed = tf.raw_ops.Print(input=tf.constant(0), data=[tf.constant(value)], message="<<", summarize=3)
        with tf.compat.v1.Session() as session:
            capfd.readouterr()
            session.run(printed)
    shown = capfd.readouterr().err.split("<<", 1)[1].rstrip("\n")
    assert f"[{summarize_value(np.asarray(value, object if value.dtype.kind == 'S' else None))}]" == shown
