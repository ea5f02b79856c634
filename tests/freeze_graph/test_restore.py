import pytest

from octavo.errors import GraphError
from octavo.freeze_graph.restore import Source, read_part, restored_variables
from octavo.freeze_graph.variables import _slice_of
from octavo.graph.graph import Graph
from octavo.graph.text import parse_graph


def strings(*values: str) -> str:
    listed = " ".join(f'string_val: "{value}"' for value in values)
    return f"{{tensor {{ dtype: DT_STRING tensor_shape {{ dim {{ size: {len(values)} }} }} {listed} }}}}"


def savers() -> Graph:
    return parse_graph(f"""
        file = Placeholder() dtype=string
        v = VariableV2() dtype=float32
        h = VarHandleOp() dtype=float32
        names = Const() dtype=string value={strings("a", "b")}
        parts = Const() dtype=string value={strings("", "4 2 0,2:-")}
        restore = RestoreV2(file, names, parts)
        v/Assign = Assign(v, restore)
        through = Identity(restore:1)
        h/Assign = AssignVariableOp(h, through)
        all = NoOp(^v/Assign, ^h/Assign)
        old_name = Const() dtype=string value={strings("old")}
        old = RestoreSlice(file, old_name, parts)
        old/Assign = Assign(v, old)
        old/all = NoOp(^old/Assign)
        zeros = Const() value=float32<>[0]
        init = Assign(v, zeros)
        computed = RestoreV2(file, file, parts)
        computed/Assign = Assign(v, computed)
    """)


def test_reads_the_keys_and_parts_of_restore_nodes() -> None:
    assert restored_variables(savers(), "all") == {
        "v": Source("a"),
        "h": Source("b", (slice(0, 2), slice(None))),
    }


def test_only_the_nodes_of_the_saver_given_count() -> None:
    assert restored_variables(savers(), "old/all") == {"v": Source("old")}


def test_a_restore_op_that_is_not_there_is_an_error() -> None:
    with pytest.raises(GraphError, match="no node named 'save/restore_all'"):
        restored_variables(savers(), "save/restore_all")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", None),
        ("784 256 0,392:-", (slice(0, 392), slice(None))),
        ("8 -", (slice(None),)),
        ("6 3 2 2,2:0,3:-", (slice(2, 4), slice(0, 3), slice(None))),
    ],
)
def test_reads_a_part(text: str, part: tuple[slice, ...] | None) -> None:
    assert read_part(text) == part


@pytest.mark.parametrize("text", ["4 a,b", "4 1", "4 1,2,3"])
def test_a_part_that_cannot_be_read_is_an_error(text: str) -> None:
    with pytest.raises(GraphError, match="cannot be read; wanted a text like"):
        read_part(text)


@pytest.mark.parametrize(
    ("whole", "parts", "number", "want"),
    [
        ([5, 2], [(3, 2), (2, 2)], 1, (slice(3, 5), slice(None))),
        ([2, 5], [(2, 3), (2, 2)], 0, (slice(None), slice(0, 3))),
        ([4], [(4,)], 0, (slice(0, 4),)),
        ([5, 2], [(3, 2), (3, 2)], 1, None),
        ([5, 2], [(3, 1), (2, 1)], 1, None),
        ([5, 2], [(5,), (2, 2)], 0, None),
        ([5, 2], [(3, 2)], 1, None),
    ],
)
def test_finds_the_slice_of_a_part_where_the_parts_add_up(
    whole: list[int], parts: list[tuple[int, ...]], number: int, want: tuple[slice, ...] | None
) -> None:
    found = _slice_of(whole, parts, number, "w")
    assert (found.part if found else None) == want
