import pytest

from octavo.graph.attrs import TensorShape
from octavo.graph.text import parse_graph
from octavo.summarize_graph.shapes import shape_text
from octavo.summarize_graph.subject import Subject
from octavo.summarize_graph.summarize import summarize
from octavo.summarize_graph.text import human_readable, short_dtype, text


def text_of(graph: str, path: str = "g.pb") -> str:
    return text(summarize(Subject(path, "frozen_graph", parse_graph(graph))))


def test_the_text_of_a_frozen_graph_is_tensorflows() -> None:
    graph = """
        images = Placeholder() dtype=float32 shape=<?,2,2,1>
        w = Const() value=float32<1,1,1,2>[1, 2]
        y = Conv2D(images, w) T=float32 strides=[1, 1, 1, 1] padding="SAME" @"/device:CPU:0"
        z = Relu(y, ^w) T=float32 @"/device:CPU:0"
        other = Identity(y, ^z) T=float32 @"/cpu:1"
    """
    assert text_of(graph, "/tmp/g.pb") == (
        "Found 1 possible inputs: (name=images, type=float(1), shape=[?,2,2,1]) \n"
        "No variables spotted.\n"
        "Found 1 possible outputs: (name=other, op=Identity) \n"
        "Found 2 (2) const parameters, 0 (0) variable parameters, and 2 control_edges\n"
        "1 nodes assigned to device '/cpu:1'2 nodes assigned to device '/device:CPU:0'"
        "Op types used: 1 Const, 1 Conv2D, 1 Identity, 1 Placeholder, 1 Relu\n"
        "To use with tensorflow/tools/benchmark:benchmark_model try these arguments:\n"
        "bazel run tensorflow/tools/benchmark:benchmark_model -- --graph=/tmp/g.pb --show_flops"
        " --input_layer=images --input_layer_type=float --input_layer_shape=-1,2,2,1 --output_layer=other\n"
    )


def test_the_text_of_a_graph_without_ends_says_so() -> None:
    assert text_of("n = NoOp()") == (
        "No inputs spotted.\n"
        "No variables spotted.\n"
        "No outputs spotted.\n"
        "Found 0 (0) const parameters, 0 (0) variable parameters, and 0 control_edges\n"
        "Op types used: 1 NoOp\n"
        "To use with tensorflow/tools/benchmark:benchmark_model try these arguments:\n"
        "bazel run tensorflow/tools/benchmark:benchmark_model -- --graph=g.pb --show_flops"
        " --input_layer= --input_layer_type= --input_layer_shape= --output_layer=\n"
    )


def test_variables_are_listed_counted_and_offered_to_the_benchmark() -> None:
    lines = text_of("""
        a = Placeholder() dtype=int32 shape=<...>
        b = Placeholder() dtype=uint8
        v = VariableV2() dtype=float32 shape=<10,20>
        h = VarHandleOp() dtype=float64 shape=<3>
        y = MatMul(a, v)
    """).splitlines()
    assert lines[0] == (
        "Found 2 possible inputs: (name=a, type=int32(3), shape=<unknown>) (name=b, type=uint8(4), shape=None) "
    )
    assert lines[1] == (
        "Found 2 variables: (name=v, type=float(1), shape=[10,20]) (name=h, type=double(2), shape=[3]) "
    )
    assert "203 (203) variable parameters" in lines[3]
    assert "--input_layer=a,b,v --input_layer_type=int32,uint8,float --input_layer_shape=::10,20 " in lines[6]


def test_placeholders_with_defaults_and_iterators_are_inputs_too() -> None:
    shapes = "{list { shape { dim { size: -1 } dim { size: 8 } } shape { unknown_rank: true } }}"
    first = text_of(
        """
        d = Const() value=float32<>[1]
        keep = PlaceholderWithDefault(d) dtype=float32 shape=<>
        it = IteratorV2() output_types=[float32, int64]
        next = IteratorGetNext(it) output_types=[float32, int64] output_shapes=SHAPES
        y = Mul(next, keep)
    """.replace("SHAPES", shapes)
    ).splitlines()[0]
    assert first == (
        "Found 3 possible inputs: (name=keep, type=float(1), shape=[]) (name=next, type=float(1), shape=[?,8]) "
        "(name=next:1, type=int64(9), shape=<unknown>) "
    )


def test_a_placeholder_without_a_dtype_is_invalid_and_unread_ones_are_no_outputs() -> None:
    lines = text_of("p = Placeholder()\nq = PlaceholderV2() dtype=half").splitlines()
    assert (
        lines[0]
        == "Found 2 possible inputs: (name=p, type=INVALID(0), shape=None) (name=q, type=half(19), shape=None) "
    )
    assert lines[2] == "Found 1 possible outputs: (name=q, op=PlaceholderV2) "


def test_op_types_are_ordered_by_count_and_then_by_name() -> None:
    ops = text_of("b = Neg()\na = Abs()\nc = Neg()\nd = Exp()").splitlines()[4]
    assert ops == "Op types used: 2 Neg, 1 Abs, 1 Exp"


def test_function_bodies_count_among_the_ops() -> None:
    from tensorflow.core.framework import function_pb2

    library = function_pb2.FunctionDefLibrary()
    body = library.function.add().node_def
    for name in ("x", "y"):
        body.add(name=name, op="Tanh")
    graph = parse_graph("p = Placeholder() dtype=float32")
    summary = summarize(Subject("g.pb", "frozen_graph", type(graph)(graph.nodes, library=library)))
    assert summary.ops == {"Tanh": 2, "Placeholder": 1}
    assert summary.functions == 1


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00k"),
        (271132, "271.13k"),
        (999999, "1000.00k"),
        (1000000, "1.00M"),
        (25503912, "25.50M"),
        (4254918, "4.25M"),
        (1_234_567_890, "1.23B"),
        (9_999_999_999_999, "10.00T"),
        (1_234_000_000_000_000, "1.23E+15"),
    ],
)
def test_counts_are_shortened_as_tensorflow_does(number: int, shown: str) -> None:
    assert human_readable(number) == shown


@pytest.mark.parametrize(
    ("dtype", "shown"),
    [("float32", ("float", 1)), ("float16", ("half", 19)), ("qint8", ("qint8", 11)), (None, ("INVALID", 0))],
)
def test_dtypes_have_tensorflows_short_names(dtype: str | None, shown: tuple[str, int]) -> None:
    assert short_dtype(dtype) == shown


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        pytest.param([], "[]", id="scalar"),
        pytest.param([None, 3], "[?,3]", id="unknown_size"),
        pytest.param(
            [-2], "Shape [-2] has dimensions with values below -1 (where -1 means unknown)", id="below_minus_one"
        ),
        pytest.param(
            [2**32, 2**32],
            "Shape [4294967296,4294967296] is too large (more than 2**63 - 1 entries)",
            id="too_large",
        ),
        pytest.param(
            [None, 2**62, 2**62], "[?,4611686018427387904,4611686018427387904]", id="unknown_is_never_too_large"
        ),
        pytest.param([1] * 255, f"Shape [{','.join(['1'] * 255)}] has too many dimensions", id="too_many"),
    ],
)
def test_shapes_are_shown_as_tensorflow_shows_them(sizes: list[int | None], shown: str) -> None:
    shape = TensorShape(tuple(sizes))
    assert shape_text(shape) == shown


def test_an_unknown_rank_with_dimensions_is_an_error_text() -> None:
    shape = TensorShape((1,), unknown_rank=True)
    assert shape_text(shape) == "An unknown shape must not have any dimensions set."
