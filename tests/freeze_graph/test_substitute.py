import numpy as np
import pytest

from octavo.errors import GraphError
from octavo.freeze_graph.substitute import substitute
from octavo.graph.miss import Miss
from octavo.graph.text import parse_graph, to_text
from octavo.runtime.session import GraphSession

VALUE = np.arange(6, dtype=np.float32).reshape(3, 2)
CONST = "w = Const() value=float32<3,2>[0, 1, 2, 3, 4, 5]"


def substituted(text: str) -> str:
    return to_text(substitute(parse_graph(text), {"w": VALUE}))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "w = VarHandleOp() dtype=float32 shape=<3,2>\nr = ReadVariableOp(w, ^n) dtype=float32\nn = NoOp()",
            f"{CONST}\nr = Identity(w, ^n) T=float32\nn = NoOp()",
            id="resource",
        ),
        pytest.param(
            'w = VariableV2() dtype=float32 shape=<3,2> @"/cpu:0"\nr = Identity(w) T=float32',
            f'{CONST} @"/cpu:0"\nr = Identity(w) T=float32',
            id="reference",
        ),
        pytest.param(
            "w = VariableV2() dtype=float32\n"
            "i = RefIdentity(w) T=float32\n"
            "s = RefSwitch(i, p) T=float32\n"
            "p = Const() value=bool<>[true]",
            f"{CONST}\ni = Identity(w) T=float32\ns = Switch(i, p) T=float32\np = Const() value=bool<>[true]",
            id="passed_on_by_reference",
        ),
        pytest.param(
            "w = VarHandleOp() dtype=float32\n"
            "i = Identity(w) T=resource\n"
            'e = Enter(i) T=resource frame_name="f"\n'
            "r = ReadVariableOp(e) dtype=float32",
            f'{CONST}\ni = Identity(w) T=float32\ne = Enter(i) T=float32 frame_name="f"\nr = Identity(e) T=float32',
            id="handle_passed_on",
        ),
        pytest.param(
            "w = VarHandleOp() dtype=float32\ns = VariableShape(w) out_type=int64",
            f"{CONST}\ns = Shape(w) T=float32 out_type=int64",
            id="shape",
        ),
        pytest.param(
            "w = VarHandleOp() dtype=float32\n"
            "i = Const() value=int32<1>[2]\n"
            "g = ResourceGather(w, i) Tindices=int32 dtype=float32 validate_indices=true",
            f"{CONST}\ni = Const() value=int32<1>[2]\ng/axis = Const() value=int32<>[0]\n"
            "g = GatherV2(w, i, g/axis) Taxis=int32 Tindices=int32 Tparams=float32 batch_dims=0",
            id="gather",
        ),
        pytest.param(
            "w = VarHandleOp() dtype=float32\n"
            "i = Const() value=int32<1>[2]\n"
            "g = ResourceGatherNd(w, i) Tindices=int32 dtype=float32",
            f"{CONST}\ni = Const() value=int32<1>[2]\ng = GatherNd(w, i) Tindices=int32 Tparams=float32",
            id="gather_nd",
        ),
        pytest.param(
            "w = VariableV2() dtype=float32\nv = VarHandleOp() dtype=float32\nr = ReadVariableOp(v) dtype=float32\n"
            "u = VariableV2() dtype=float32\ni = RefIdentity(u) T=float32",
            f"{CONST}\nv = VarHandleOp() dtype=float32\nr = ReadVariableOp(v) dtype=float32\n"
            "u = VariableV2() dtype=float32\ni = RefIdentity(u) T=float32",
            id="other_variables_stay",
        ),
    ],
)
def test_a_constant_takes_the_place_of_a_variable(before: str, after: str) -> None:
    assert substituted(before) == after


def test_a_gather_in_a_loop_reads_an_axis_in_the_loop() -> None:
    made = substitute(
        parse_graph("""
            w = VarHandleOp() dtype=float32
            start = Const() value=int32<1>[2]
            read = Enter(w) T=resource frame_name="f" is_constant=true
            i = Enter(start) T=int32 frame_name="f"
            g = ResourceGather(read, i) Tindices=int32 dtype=float32
        """),
        {"w": VALUE},
    )
    assert made.nodes["g/axis"].inputs == ("^read",)


@pytest.mark.parametrize("name", ["g", "s"])
def test_what_read_a_handle_computes_the_same_from_the_constant(name: str) -> None:
    graph = parse_graph("""
        w = VarHandleOp() dtype=float32 shape=<3,2>
        i = Const() value=int32<2>[2, 0]
        g = ResourceGather(w, i) Tindices=int32 dtype=float32 batch_dims=0
        s = VariableShape(w) out_type=int32
    """)
    with GraphSession(substitute(graph, {"w": VALUE}), [name]) as session:
        np.testing.assert_array_equal(session.run({})[0], {"g": VALUE[[2, 0]], "s": [3, 2]}[name])


@pytest.mark.parametrize(
    "text",
    [
        "w = VariableV2() dtype=float32\na = AssignAdd(w, w) T=float32",
        "w = VariableV2() dtype=float32\ni = RefIdentity(w) T=float32\na = ScatterUpdate(i, w, w) T=float32",
        "w = VarHandleOp() dtype=float32\na = AssignVariableOp(w, w) dtype=float32",
        "w = VarHandleOp() dtype=float32\na = ResourceApplyAdam(w, w) T=float32",
    ],
)
def test_a_variable_that_is_written_is_an_error(text: str) -> None:
    with pytest.raises(GraphError, match=r"the outputs need the \w+ 'a', which writes the variable"):
        substituted(text)


@pytest.mark.parametrize("op", ["PartitionedCall", "While", "VarIsInitializedOp"])
def test_a_handle_that_goes_elsewhere_is_for_tensorflow(op: str) -> None:
    with pytest.raises(Miss, match=f"{op} 'c' reads the handle"):
        substituted(f"w = VarHandleOp() dtype=float32\nc = {op}(w)")
