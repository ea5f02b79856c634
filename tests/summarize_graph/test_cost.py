from octavo.graph.text import parse_graph
from octavo.summarize_graph.cost import bytes_by_op, flops_by_op
from octavo.summarize_graph.parameters import find_parameters

GRAPH = """
    x = Placeholder() dtype=float32 shape=<?,4>
    w = VarHandleOp() dtype=float32 shape=<4,3> shared_name="w"
    r = ReadVariableOp(w) dtype=float32
    y = MatMul(x, r) T=float32
    b = Const() value=float32<3>[1, 2, 3]
    i = Identity(b) T=float32
    z = BiasAdd(y, i) T=float32
    unread = Const() value=float32<100>[0]
"""


def test_operations_are_counted_for_a_batch_of_one() -> None:
    assert flops_by_op(parse_graph(GRAPH)) == {"MatMul": 2 * 4 * 3, "BiasAdd": 3}


def test_ops_of_unknown_shape_are_left_out() -> None:
    graph = parse_graph("x = Placeholder() dtype=float32 shape=<...>\ny = MatMul(x, x) T=float32")
    assert flops_by_op(graph) == {}


def test_a_graph_that_tensorflow_cannot_load_has_no_count() -> None:
    assert flops_by_op(parse_graph("x = NoSuchOp()")) == {}


def test_bytes_belong_to_the_op_that_computes_with_them() -> None:
    graph = parse_graph(GRAPH)
    sizes = {parameter.node.name: parameter.bytes for parameter in find_parameters(graph)}
    assert sizes == {"w": 48, "b": 12, "unread": 400}
    assert bytes_by_op(graph, sizes) == {"MatMul": 48, "BiasAdd": 12}


def test_bytes_of_a_variable_in_training_belong_to_the_op_that_computes_with_it() -> None:
    graph = parse_graph("""
        w = VarHandleOp() dtype=float32 shape=<4,3>
        first = Const() value=float32<4,3>[0]
        known = VarIsInitializedOp(w)
        set = AssignVariableOp(w, first) dtype=float32
        unread = ReadVariableOp(w) dtype=float32
        r = ReadVariableOp(w) dtype=float32
        y = MatMul(x, r) T=float32
        x = Placeholder() dtype=float32 shape=<?,4>
        count = VariableV2() dtype=float32 shape=<>
        more = AssignAdd(count, one) T=float32
        one = Const() value=float32<>[1]
    """)
    sizes = {"w": 48, "first": 48, "count": 4, "one": 4}
    assert bytes_by_op(graph, sizes) == {"AssignVariableOp": 48, "MatMul": 48, "AssignAdd": 8}


def test_a_parameter_of_two_readers_is_counted_once() -> None:
    graph = parse_graph("w = Const() value=int8<2>[1, 2]\na = Neg(w)\nb = Abs(w, ^a)")
    assert bytes_by_op(graph, {"w": 2}) == {"Neg": 2}


def test_sizes_that_are_not_known_count_as_nothing() -> None:
    graph = parse_graph("v = VariableV2() dtype=float32 shape=<?,3>\nu = VarHandleOp()\nc = Const()")
    assert [(p.elements, p.bytes, p.shape_text) for p in find_parameters(graph)] == [
        (0, 0, "[?,3]"),
        (0, 0, "None"),
        (0, 0, "None"),
    ]
