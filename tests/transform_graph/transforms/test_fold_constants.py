from typing import Any

import numpy as np
import pytest

from examples import example, random, values
from octavo.errors import GraphError
from octavo.graph import Graph, const_value
from octavo.graph.text import to_text
from octavo.transform_graph.transforms.fold_constants import fold_constants

SUM = """
    x = Placeholder()
    a = Const() value=float32<2>[1, 2]
    b = Const() value=float32<2>[3, 4]
    s = Add(a, b)
    y = Mul(x, s)
"""


def names(graph: Graph) -> list[str]:
    return list(graph.nodes)


def test_a_chain_of_constants_becomes_one_and_gives_the_same() -> None:
    text = SUM.replace("y = Mul(x, s)", "n = Neg(s)\ne = Exp(n)\ny = Mul(x, e)")
    before = example(text, inputs=("x",), outputs=("y",))
    after = fold_constants(before)
    assert names(after) == ["x", "e", "y"]
    np.testing.assert_array_equal(values(after, {"x": random(2)})[0], values(before, {"x": random(2)})[0])
    assert fold_constants(after) == after


def test_outputs_need_not_be_known() -> None:
    after = fold_constants(example(SUM))
    assert names(after) == ["x", "s", "y"]


def test_a_constant_that_is_fetched_keeps_its_name() -> None:
    after = fold_constants(example(SUM, outputs=("y", "s", "a")))
    assert names(after) == ["x", "a", "s", "y"]
    assert after.nodes["s"].op == "Const"


def test_every_output_that_is_read_gets_its_constant() -> None:
    after = fold_constants(
        example("""
            x = Placeholder()
            axis = Const() value=int32<>[0]
            a = Const() value=float32<3>[1, 2, 3]
            p = Split(axis, a) num_split=3
            y = AddN(x, p:1, p:2) N=3
        """)
    )
    assert to_text(after).splitlines()[1:] == [
        "p/output_1 = Const() value=float32<1>[2]",
        "p/output_2 = Const() value=float32<1>[3]",
        "y = AddN(x, p/output_1, p/output_2) N=3 T=float32",
    ]


def test_a_second_output_that_is_fetched_is_left_alone() -> None:
    text = "axis = Const() value=int32<>[0]\na = Const() value=float32<2>[1, 2]\np = Split(axis, a) num_split=2"
    graph = example(text, outputs=("p:1",))
    assert fold_constants(graph) == graph


def test_control_edges_into_what_is_folded_stay() -> None:
    text = SUM.replace("b = Const()", "init = NoOp()\nb = Const(^init)").replace(
        "y = Mul(x, s)", "y = Mul(x, s)\nn = NoOp(^s)"
    )
    after = fold_constants(example(text))
    assert after.nodes["s"].inputs == ("^init",)
    assert after.nodes["n"].inputs == ("^s",)


def test_what_is_fed_is_no_constant() -> None:
    graph = example(SUM, inputs=("x", "a"), outputs=("y",))
    assert fold_constants(graph) == graph


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        pytest.param({"exclude_op": ("Add",)}, True, id="by_type"),
        pytest.param({"exclude_node": ("s",)}, True, id="by_name"),
        pytest.param({"exclude_node": ("b",)}, True, id="by_name_of_a_part"),
        pytest.param({"exclude_op": ("Sub",), "exclude_node": ("t",)}, False, id="of_others"),
        pytest.param({"max_constant_size_in_bytes": 7}, True, id="too_large"),
        pytest.param({"max_constant_size_in_bytes": 8}, False, id="just_small_enough"),
    ],
)
def test_what_is_excluded_stays(options: dict[str, Any], kept: bool) -> None:
    assert (fold_constants(example(SUM), **options).nodes["s"].op == "Add") == kept


def test_a_value_whose_size_only_the_run_tells_is_measured_then() -> None:
    graph = example("""
        x = Placeholder()
        a = Const() value=bool<3>[true, false, true]
        w = Where(a) T=bool
        n = Neg(w) T=int64
        y = Mul(x, n) T=int64
    """)
    assert fold_constants(graph).nodes["n"].op == "Const"
    assert fold_constants(graph, max_constant_size_in_bytes=15) == graph


def test_a_value_that_broadcasting_makes_large_is_never_made() -> None:
    graph = example("x = Placeholder()\ns = Mul(a, b)\ny = Add(x, s)", consts={"a": random(4, 1), "b": random(1, 4)})
    assert fold_constants(graph, max_constant_size_in_bytes=63).nodes["s"].op == "Mul"
    assert fold_constants(graph, max_constant_size_in_bytes=64).nodes["s"].op == "Const"


@pytest.mark.parametrize("op", ["Rsqrt", "Sqrt", "Square", "Neg", "Identity"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_arithmetic_gives_what_tensorflow_gives(op: str, dtype: str) -> None:
    """Within 2 units in the last place: TensorFlow's Rsqrt is not exactly rounded."""
    graph = example(f"a = Const() value={dtype}<3>[0.3, 2, 70]\ny = {op}(a) T={dtype}", outputs=("y",))
    [expected] = values(graph, {})
    found = const_value(fold_constants(graph).nodes["y"])
    assert found.dtype == expected.dtype
    epsilon = {"float16": 2**-10, "bfloat16": 2**-7, "float32": 2**-23, "float64": 2**-52}[dtype]
    np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=2 * epsilon)


def test_arithmetic_behind_another_op_is_folded_with_it() -> None:
    text = "x = Placeholder()\na = Const() value=float32<2>[0.5, 1]\ne = Exp(a)\nn = Neg(e)\ny = Mul(x, n)"
    assert names(fold_constants(example(text))) == ["x", "n", "y"]


def test_a_large_value_is_never_made() -> None:
    graph = example("""
        x = Placeholder()
        size = Const() value=int32<2>[1000000, 1000000]
        one = Const() value=float32<>[1]
        f = Fill(size, one)
        y = Add(x, f)
    """)
    assert fold_constants(graph) == graph


@pytest.mark.parametrize(
    ("node", "shape", "value"),
    [
        pytest.param("s = Shape(r)", "<2,3>", [2, 3], id="shape"),
        pytest.param("s = Shape(r) out_type=int64", "<2,3>", [2, 3], id="shape_as_int64"),
        pytest.param("s = Size(r)", "<2,3>", 6, id="size"),
        pytest.param("s = Rank(r)", "<?,3>", 2, id="rank"),
        pytest.param("s = Shape(r)", "<?,3>", None, id="unknown_dimension"),
        pytest.param("s = Rank(r)", "<...>", None, id="unknown_rank"),
    ],
)
def test_a_shape_that_is_known_is_a_constant(node: str, shape: str, value: object) -> None:
    after = fold_constants(example(f"x = Placeholder() shape={shape}\nr = Relu(x)\n{node}\nn = NoOp(^s)"))
    assert (after.nodes["s"].op == "Const") == (value is not None)
    if value is not None:
        np.testing.assert_array_equal(const_value(after.nodes["s"]), value)


@pytest.mark.parametrize(
    "node",
    [
        pytest.param("s = RandomUniform(n) T=int32 dtype=float32", id="state"),
        pytest.param("q = QuantizeV2(a, b, c) T=quint8\ns = Dequantize(q, b, c) T=quint8", id="quantized_types"),
        pytest.param("t = AsString(a)\ns = StringToNumber(t)", id="strings"),
        pytest.param('s = Enter(a) frame_name="f"', id="loops"),
        pytest.param('s = PartitionedCall(a) Tin=[float32] Tout=[float32] f={func { name: "f" }}', id="functions"),
        pytest.param("s = Zap(a)", id="unknown_ops"),
    ],
)
def test_never_folded(node: str) -> None:
    graph = example(f"""
        x = Placeholder()
        a = Const() value=float32<2>[1, 2]
        b = Const() value=float32<>[0]
        c = Const() value=float32<>[2]
        n = Const() value=int32<1>[2]
        {node}
        y = Mul(x, s)
    """)
    assert fold_constants(graph) == graph


def test_output_shapes_are_cleared_unless_asked_not_to() -> None:
    graph = example("x = Placeholder() _output_shapes=[1]")
    assert "_output_shapes" not in fold_constants(graph).nodes["x"].attrs
    assert fold_constants(graph, clear_output_shapes=False) == graph


def test_a_constant_that_cannot_be_computed_is_told() -> None:
    graph = example("a = Const() value=float32<2>[1, 2]\nb = Const() value=int32<1>[3]\ny = Reshape(a, b)")
    with pytest.raises(GraphError, match=r"[Rr]eshape"):
        fold_constants(graph)


def test_the_same_graph_gives_the_same_values() -> None:
    graph = example("m = MatMul(a, b)\ny = Softmax(m)", consts={"a": random(40, 50), "b": random(50, 30)})
    assert to_text(fold_constants(graph)) == to_text(fold_constants(graph))
