from typing import Any

import numpy as np
import pytest

from examples import example, values
from octavo.errors import GraphError, SpecError
from octavo.graph import Graph, Node
from octavo.graph.text import node_text
from octavo.transform_graph.transforms.strip_unused_nodes import strip_unused_nodes

TEXT = """
    file = Placeholder() dtype=string
    image = DecodeJpeg(file)
    u = Placeholder() dtype=uint8
    cast = Cast(image) SrcT=uint8 DstT=float32
    default = Const() value=float32<>[1]
    keep = PlaceholderWithDefault(default) shape=<>
    y = Mul(cast, keep)
    loss = Neg(y)
"""


def stripped(inputs: tuple[str, ...], outputs: tuple[str, ...] = ("y",), **options: Any) -> Graph:
    return strip_unused_nodes(example(TEXT, inputs=inputs, outputs=outputs), **options)


def test_what_no_output_needs_goes() -> None:
    assert list(stripped(()).nodes) == ["file", "image", "cast", "default", "keep", "y"]


def test_an_input_cuts_off_what_makes_it_and_keeps_its_dtype() -> None:
    graph = stripped(("image",))
    assert list(graph.nodes) == ["image", "cast", "default", "keep", "y"]
    assert node_text(graph.nodes["image"]) == "image = Placeholder() dtype=uint8 shape=<...>"
    assert strip_unused_nodes(graph) == graph


def test_an_input_with_a_default_keeps_its_shape() -> None:
    graph = stripped(("image", "keep"))
    assert list(graph.nodes) == ["image", "cast", "keep", "y"]
    assert node_text(graph.nodes["keep"]) == "keep = Placeholder() dtype=float32 shape=<>"


def test_a_placeholder_stays_as_it_is() -> None:
    assert stripped(("file",), type="float").nodes["file"].dtype("dtype") == "string"


def test_an_input_that_no_output_needs_stays() -> None:
    assert "u" in stripped(("u",)).nodes


def test_dtype_and_shape_may_be_given() -> None:
    graph = stripped(("image",), type="float", shape="1,224,-1,3")
    assert node_text(graph.nodes["image"]) == "image = Placeholder() dtype=float32 shape=<1,224,?,3>"


def test_dtype_and_shape_may_be_given_for_one_input() -> None:
    options: dict[str, Any] = {
        "type": "float",
        "name": ("image",),
        "type_for_name": ("uint8",),
        "shape_for_name": ("8,8,3",),
    }
    graph = stripped(("image", "cast"), ("cast", "image"), **options)
    assert node_text(graph.nodes["image"]) == "image = Placeholder() dtype=uint8 shape=<8,8,3>"
    assert node_text(graph.nodes["cast"]) == "cast = Placeholder() dtype=float32 shape=<...>"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param({"type": "flaot"}, "'flaot' is no dtype", id="dtype"),
        pytest.param({"shape": "1;2"}, "'1;2' is no shape", id="shape"),
        pytest.param(
            {"name": ("image",), "type_for_name": ("uint8", "float")}, "given 2 times and name 1 times", id="lists"
        ),
    ],
)
def test_what_cannot_be_read_is_told(options: dict[str, Any], why: str) -> None:
    with pytest.raises(SpecError, match=why):
        stripped(("image",), **options)


def test_outputs_must_be_known() -> None:
    with pytest.raises(GraphError, match="name them with --outputs"):
        stripped((), ())


@pytest.mark.parametrize(
    ("fed", "reads"),
    [
        pytest.param("s:1", "s:1", id="second_fed"),
        pytest.param("s", "s:1", id="first_fed_and_second_read"),
        pytest.param("s:1", "s", id="second_fed_and_first_read"),
    ],
)
def test_an_input_with_several_outputs_in_use_stays(fed: str, reads: str, caplog: pytest.LogCaptureFixture) -> None:
    head = "x = Placeholder() shape=<2,2>\naxis = Const() value=int32<>[0]\ns = Split(axis, x) num_split=2"
    before = example(f"{head}\ny = Neg({reads})", inputs=(fed,), outputs=("y",))
    after = strip_unused_nodes(before)
    assert after == before
    assert "Split 's' stays: more than its first output is in use" in caplog.text
    feeds = {fed: np.ones((1, 2), np.float32), "x": np.zeros((2, 2), np.float32)}
    np.testing.assert_array_equal(values(after, feeds)[0], values(before, feeds)[0])


def test_other_outputs_that_only_unused_nodes_read_do_not_count() -> None:
    head = "x = Placeholder() shape=<2,2>\naxis = Const() value=int32<>[0]\ns = Split(axis, x) num_split=2"
    graph = example(f"{head}\nu = Neg(s:1)\ny = Neg(s, ^s)", inputs=("s",), outputs=("y",))
    assert [node.op for node in strip_unused_nodes(graph).nodes.values()] == ["Placeholder", "Neg"]


def test_a_loop_is_kept_whole() -> None:
    graph = example(
        'x = Placeholder()\ne = Enter(x) frame_name="f"\nm = Merge(e, n) N=2\nb = Neg(m)\nn = NextIteration(b)\n'
        "q = Exit(m)\nz = Relu(q)",
        outputs=("q",),
    )
    assert list(strip_unused_nodes(graph).nodes) == ["x", "e", "m", "b", "n", "q"]


def test_a_chain_of_100_000_nodes() -> None:
    nodes = [Node(f"n{i}", "Relu", (f"n{i - 1}",)) for i in range(1, 100_001)]
    graph = Graph({}).with_nodes([Node("n0", "Placeholder"), *nodes]).with_ends(("n0",), ("n99999",))
    assert len(strip_unused_nodes(graph).nodes) == 100_000
