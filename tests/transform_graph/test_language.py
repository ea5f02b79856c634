import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import SpecError
from octavo.graph import Graph
from octavo.transform_graph.catalog import TRANSFORMS
from octavo.transform_graph.language import Param, Step, parse_calls, parse_steps


def foo(
    graph: Graph,
    *,
    text: str = "",
    count: int = 0,
    ratio: float = 1.0,
    flag: bool = False,
    op: tuple[str, ...] = (),
    size: tuple[int, ...] = (),
) -> Graph:
    del text, count, ratio, flag, op, size
    return graph


def bar(graph: Graph, *, op: str) -> Graph:
    del op
    return graph


def calls(text: str) -> list[tuple[str, list[tuple[str, str]]]]:
    return [(call.name, [(p.key, p.value) for p in call.params]) for call in parse_calls(text)]


def args(text: str) -> dict[str, object]:
    [step] = parse_steps(text, [foo, bar])
    return dict(step.args)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" \n\t ", [], id="blank"),
        pytest.param("\\\n", [], id="backslash_newline_alone"),
        pytest.param("foo", [("foo", [])], id="bare_name"),
        pytest.param("foo() bar()", [("foo", []), ("bar", [])], id="empty_parentheses"),
        pytest.param("foo()bar", [("foo", []), ("bar", [])], id="no_separator_needed"),
        pytest.param("foo \\\n bar\\\r\n baz", [("foo", []), ("bar", []), ("baz", [])], id="continued_lines"),
        pytest.param("foo(a=1, b=2, a=3)", [("foo", [("a", "1"), ("b", "2"), ("a", "3")])], id="repeated_key"),
        pytest.param("foo( a = 1 , b=2 )", [("foo", [("a", "1"), ("b", "2")])], id="blanks_everywhere"),
        pytest.param("foo (a=1)", [("foo", [("a", "1")])], id="blank_before_parenthesis"),
        pytest.param("foo(a=\\\n1)", [("foo", [("a", "1")])], id="line_end_within_parameters"),
        pytest.param('foo(a="1,224,224,3")', [("foo", [("a", "1,224,224,3")])], id="quoted_commas"),
        pytest.param('foo(a="(b) c=d;\n e")', [("foo", [("a", "(b) c=d;\n e")])], id="quoted_anything"),
        pytest.param('foo(a="")', [("foo", [("a", "")])], id="quoted_nothing"),
        pytest.param(r'foo(a="b\"c\\")', [("foo", [("a", r"b\"c\\")])], id="protected_quote_keeps_its_backslash"),
        pytest.param('foo(a="1"\')', [("foo", [("a", "1")])], id="stray_quote"),
        pytest.param("foo(a=1\"', b=2)", [("foo", [("a", "1"), ("b", "2")])], id="stray_quotes"),
        pytest.param("foo(a=~/x/*.log:0)", [("foo", [("a", "~/x/*.log:0")])], id="unquoted_signs"),
        pytest.param("foo(a=__max:)", [("foo", [("a", "__max:")])], id="unquoted_colon"),
    ],
)
def test_reads(text: str, expected: list[tuple[str, list[tuple[str, str]]]]) -> None:
    assert calls(text) == expected


def test_places_are_kept_for_error_messages() -> None:
    [call] = parse_calls('  foo(a="1")')
    assert (call.at, call.params) == (2, (Param("a", "1", 6, 8),))


@pytest.mark.parametrize(
    ("text", "problem", "caret"),
    [
        pytest.param("foo bat", "transform 'bat' is not recognized; did you mean 'bar'?", 4, id="typo"),
        pytest.param("zzz", "transform 'zzz' is not recognized", 0, id="unknown"),
        pytest.param("foo()()", "looking for a transform's name, but found '('", 5, id="twice"),
        pytest.param("foo)", "looking for a transform's name, but found ')'", 3, id="unopened"),
        pytest.param("foo(", "looking for a parameter's name, but found the end", 4, id="unclosed"),
        pytest.param("foo(a)", "looking for '=' after 'a', but found ')'", 5, id="no_value"),
        pytest.param("foo(a=)", "looking for a value, but found ')'", 6, id="empty_value"),
        pytest.param("foo(count=1,)", "looking for a parameter's name, but found ')'", 12, id="trailing_comma"),
        pytest.param("foo(count=1 flag=true)", "looking for ',' or ')', but found 'f'", 12, id="no_comma"),
        pytest.param('foo(a="b)', "the quote is never closed", 6, id="open_quote"),
        pytest.param("foo(a=b;c)", "looking for ',' or ')', but found ';'", 7, id="unquoted_semicolon"),
        pytest.param("foo(cout=1)", "not 'cout'; did you mean 'count'?", 4, id="parameter_typo"),
        pytest.param("foo(count=1, count=2)", "'count' is given 2 times; wanted one", 13, id="given_twice"),
        pytest.param("foo(count=x)", "count wants an integer, got 'x'", 10, id="no_integer"),
        pytest.param("foo(size=1, size=1.5)", "size wants an integer, got '1.5'", 17, id="no_integer_in_tuple"),
        pytest.param("foo(ratio=x)", "ratio wants a number, got 'x'", 10, id="no_number"),
        pytest.param("foo(flag=yes)", "flag wants true or false, got 'yes'", 9, id="no_boolean"),
        pytest.param("foo(ignore_errors=foo)", "ignore_errors wants true or false, got 'foo'", 18, id="ignore"),
        pytest.param("foo bar", "bar needs op=...", 4, id="missing"),
    ],
)
def test_points_at_the_fault(text: str, problem: str, caret: int) -> None:
    with pytest.raises(SpecError, match=re.escape(problem)) as caught:
        parse_steps(text, [foo, bar])
    assert str(caught.value).splitlines()[-2:] == [f"  {text}", "  " + " " * caret + "^"]


def test_of_a_long_list_the_line_at_fault_is_shown() -> None:
    with pytest.raises(SpecError) as caught:
        parse_steps("foo(count=1) \\\n\tfoo(count=x) \\\nbar(op=a)", [foo, bar])
    assert str(caught.value).splitlines()[1:] == ["  \tfoo(count=x) \\", "  \t          ^"]


def test_values_come_as_the_signature_says() -> None:
    assert args('foo(text="a b", count=-3, ratio=1e-2, flag=TRUE, op=A, op=B, size=1, size=2)') == {
        "text": "a b",
        "count": -3,
        "ratio": 0.01,
        "flag": True,
        "op": ("A", "B"),
        "size": (1, 2),
    }


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False), ("1", True), ("0", False)])
def test_every_transform_takes_ignore_errors(word: str, value: bool) -> None:
    [step] = parse_steps(f"bar(op=A, ignore_errors={word})", [bar])
    assert step == Step(bar, {"op": "A"}, ignore_errors=value)


def test_a_call_that_the_tutorials_make_reads_as_written() -> None:
    text = """
        strip_unused_nodes(type=float, shape="1,299,299,3") \\
        remove_nodes(op=Identity, op=CheckNumerics) \\
        fold_constants(ignore_errors=true) \\
        fold_batch_norms \\
        insert_logging(op=RequantizationRange, show_name=true, message="__requant_min_max:") \\
        freeze_requantization_ranges(min_max_log_file="/tmp/min_max_log.txt")
    """
    steps = parse_steps(text, TRANSFORMS)
    assert [step.name for step in steps][:2] == ["strip_unused_nodes", "remove_nodes"]
    assert steps[1].args == {"op": ("Identity", "CheckNumerics")}
    assert steps[2].ignore_errors


VALUES = st.text(st.characters(codec="utf-8"), max_size=12).filter(
    lambda text: re.fullmatch(r'(?:[^"\\]|\\.)*', text, re.DOTALL) is not None
)
STEPS = st.builds(
    Step,
    st.just(foo),
    st.fixed_dictionaries(
        {},
        optional={
            "text": VALUES,
            "count": st.integers(),
            "ratio": st.floats(allow_nan=False),
            "flag": st.booleans(),
            "op": st.lists(VALUES, min_size=1, max_size=3).map(tuple),
            "size": st.lists(st.integers(), min_size=1, max_size=3).map(tuple),
        },
    ),
    st.booleans(),
)


@given(st.lists(STEPS, max_size=4))
def test_what_str_writes_parses_back(steps: list[Step]) -> None:
    assert list(parse_steps(" ".join(map(str, steps)), [foo])) == steps


@given(st.text(st.sampled_from("foo(bar)=,\"\\\n \t';op1true"), max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(SpecError):
        parse_steps(text, [foo, bar])


def test_a_value_that_no_spelling_says_is_refused() -> None:
    with pytest.raises(SpecError, match="unprotected quote"):
        str(Step(bar, {"op": 'a"b'}))
