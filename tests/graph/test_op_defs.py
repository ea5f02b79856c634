import pytest

from octavo.errors import GraphError
from octavo.graph.op_defs import output_dtypes
from octavo.graph.registry import op_def
from octavo.graph.text import parse_graph


@pytest.mark.parametrize(
    ("text", "dtypes"),
    [
        pytest.param("y = Relu() T=float32", ("float32",), id="type_attribute"),
        pytest.param("y = Shape() T=float32", ("int32",), id="default_of_an_attribute"),
        pytest.param("y = Split() T=float32 num_split=3", ("float32",) * 3, id="counted_outputs"),
        pytest.param("y = IdentityN() T=[float32, int32]", ("float32", "int32"), id="list_of_types"),
        pytest.param("y = RequantizationRange() Tinput=qint32", ("float32", "float32"), id="fixed_types"),
        pytest.param("y = NoOp()", (), id="no_outputs"),
    ],
)
def test_the_dtypes_of_a_nodes_outputs(text: str, dtypes: tuple[str, ...]) -> None:
    assert output_dtypes(parse_graph(text).nodes["y"]) == dtypes


def test_an_op_that_tensorflow_does_not_have_is_named() -> None:
    with pytest.raises(GraphError, match="no op 'Zap', the type of 'y'"):
        output_dtypes(parse_graph("y = Zap()").nodes["y"])


def test_a_missing_attribute_is_named() -> None:
    with pytest.raises(GraphError, match="Relu 'y' lacks the attribute 'T'"):
        output_dtypes(parse_graph("y = Relu()").nodes["y"])


def test_defaults_come_from_the_definition() -> None:
    node = parse_graph("y = MatMul() transpose_a=true").nodes["y"]
    assert node.flag("transpose_a")
    assert not node.flag("transpose_b")
    assert node.attr("T") is None
    assert op_def("Zap") is None
