import pytest

from octavo.errors import GraphError
from octavo.freeze_graph.check import check_runs
from octavo.graph.text import parse_graph

RELU = "\ny = Relu(x) T=float32"
RESHAPE = "\ns = Const() value=int32<2>[1, 7]\ny = Reshape(x, s) T=float32 Tshape=int32"
ITERATOR = 'output_types=[float32] output_shapes={list { shape { dim { size: 2 } } }} shared_name="" container=""'


def checked(text: str) -> str:
    return check_runs(parse_graph(text, outputs=["y"]))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x = Placeholder() dtype=float32 shape=<?,4>" + RELU, id="unknown_batch"),
        pytest.param("x = Placeholder() dtype=int32 shape=<2>\ny = Abs(x) T=int32", id="integers"),
        pytest.param("x = Placeholder() dtype=float32 shape=<?,?,?,3>" + RELU, id="open_image_size"),
        pytest.param("x = Const() value=float32<2>[1, 2]" + RELU, id="no_input"),
        pytest.param('x = Placeholder() dtype=float32 shape=<2> @"/device:GPU:7"' + RELU, id="absent_device"),
        pytest.param(
            f"x = Placeholder() dtype=float32 shape=<2>{RELU}\nu = Placeholder() dtype=string", id="unneeded_input"
        ),
    ],
)
def test_runs_a_graph_once(text: str) -> None:
    assert checked(text) == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("x = Placeholder() dtype=float32" + RELU, "the shape of 'x' is not known", id="no_shape"),
        pytest.param(
            "x = Placeholder() dtype=float32 shape=<?,?>" + RELU, "the shape of 'x' is not known", id="open_shape"
        ),
        pytest.param(
            "x = Placeholder() dtype=string shape=<?>\ny = Identity(x) T=string",
            "no sample can be made for 'x', a string",
            id="strings",
        ),
        pytest.param(
            "x = VariableV2() dtype=float32 shape=<2>" + RELU, "the variable 'x' was left a variable", id="variable"
        ),
        pytest.param(
            f"i = Iterator() {ITERATOR}\nx = IteratorGetNext(i) {ITERATOR}{RELU}",
            "its data come from the Iterator 'i'",
            id="iterator",
        ),
        pytest.param(
            "x = Placeholder() dtype=float32 shape=<?,?,?,3>" + RESHAPE,
            "the size of 'x' is open, and a guess of 224 failed: the graph fails to run: ",
            id="wrong_guess",
        ),
    ],
)
def test_says_why_a_graph_was_only_loaded(text: str, reason: str) -> None:
    assert checked(text).startswith(reason)


def test_a_graph_that_fails_to_run_is_an_error() -> None:
    with pytest.raises(GraphError, match="the graph fails to run"):
        checked("x = Placeholder() dtype=float32 shape=<?>" + RESHAPE)


def test_a_graph_that_cannot_be_loaded_is_an_error() -> None:
    with pytest.raises(GraphError, match="TensorFlow cannot load the graph"):
        checked("x = Placeholder() dtype=float32 shape=<2>\ny = NoSuchOp(x)")
