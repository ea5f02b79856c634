from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import CalibrationError
from octavo.ranges import log_records, min_max_log
from octavo.ranges.log_records import format_numbers
from octavo.ranges.min_max_log import (
    DAMAGED,
    NO_RECORD,
    REVERSED,
    MinMaxLog,
    Ranges,
    format_number,
    format_record,
    logged_node,
    read_log,
    read_log_file,
    record_prefix,
    write_log_file,
)
from whole_logs import whole

RECORD = ";v0/conv1/Conv2D_eightbit_requant_range__print__;__requant_min_max:[-5.75943518][3.43590856]"
NODE = "v0/conv1/Conv2D_eightbit_requant_range"

float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
names = st.from_regex(r"[A-Za-z0-9.][A-Za-z0-9_./>-]{0,20}", fullmatch=True)
ranges = st.tuples(float32, float32).map(lambda pair: (min(pair), max(pair)))


def log_of(pairs: dict[str, list[tuple[float, float]]]) -> MinMaxLog:
    return MinMaxLog({node: Ranges.of(ranges) for node, ranges in pairs.items()})


logs = st.dictionaries(names, st.lists(ranges, min_size=1, max_size=4), max_size=4).map(log_of)


def f32(value: float) -> float:
    return float(np.float32(value))


def test_reads_a_record() -> None:
    log = read_log([RECORD + "\n"])
    assert log.records == {NODE: [(f32(-5.75943518), f32(3.43590856))]}
    assert not log.skipped


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("I0108 21:45:42 1972 logging_ops.cc:79] ", "", id="logger prefix"),
        pytest.param("[worker 3] ", "", id="prefix with brackets"),
        pytest.param("KMP_SCHEDULE='static,balanced;greedy'", "", id="stray semicolon"),
        pytest.param(";RequantizationRange;", "", id="op name in front"),
        pytest.param("", " took 3 ms", id="text behind"),
        pytest.param("", "\r", id="carriage return"),
    ],
)
def test_reads_a_record_whatever_stands_around_it(before: str, after: str) -> None:
    assert list(read_log([before + RECORD + after]).records) == [NODE]


def test_reads_both_records_that_two_threads_put_on_one_line() -> None:
    log = read_log([format_record("a", 0, 1) + format_record("b", -2, 2)])
    assert log.records == {"a": [(0, 1)], "b": [(-2, 2)]}
    assert not log.skipped


@pytest.mark.parametrize("before", ["I0108 21:45:42 logging_ops.cc:79] ", "[worker 3] ", "text "])
def test_a_batchs_number_is_read_behind_a_prefix_too(before: str) -> None:
    log = read_log([f"{before}batch=7 {RECORD}", f"batch=8 {RECORD}", RECORD])
    assert log.ranges[NODE].batches.tolist() == [7, 8, -1]


def test_a_range_for_each_channel_is_that_of_all_of_them() -> None:
    log = read_log([";a__print__;__requant_min_max:[-1 -3 0][2 5 1]", ";a__print__;__requant_min_max:[-2][4]"])
    assert sorted(log.records["a"]) == [(-3, 5), (-2, 4)]
    assert not log.skipped


def test_ends_on_lines_of_their_own_are_paired() -> None:
    lines = [
        f";a__print__;__requant_{end}:[{value}]" for end, value in (("max", 2), ("min", -1), ("min", 1), ("max", 4))
    ]
    assert sorted(read_log(lines).records["a"]) == [(-1, 2), (0, 4)]
    with pytest.raises(CalibrationError, match="2 smallest and 1 largest values of 'a'; wanted as many of both"):
        read_log(lines[:3])


def test_single_extremes_are_kept_and_written_in_order() -> None:
    lines = [";b__print__;__max:[2]", "I0108] ;a__print__;__max:[3];a__print__;__min:[-1]", ";a__print__;__max:[1]"]
    log = read_log(lines)
    assert log.singles == {"__max:": {"a": [1, 3], "b": [2]}, "__min:": {"a": [-1]}}
    assert "".join(log.lines()).splitlines() == whole(
        ";a__print__;__max:[1]",
        ";a__print__;__max:[3]",
        ";b__print__;__max:[2]",
        ";a__print__;__min:[-1]",
    )


def test_reads_scientific_notation() -> None:
    assert read_log([";a__print__;__requant_min_max:[-1.2e-05][3E+2]"]).records == {"a": [(f32(-1.2e-05), 300)]}


def test_keeps_the_order_of_a_nodes_records() -> None:
    assert read_log([format_record("a", 0, 5), format_record("a", 0, 1)]).records == {"a": [(0, 5), (0, 1)]}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        pytest.param("2024-01-01 oneDNN custom operations are on", NO_RECORD, id="other text"),
        pytest.param(";a__print__;__KL:[3.5]", NO_RECORD, id="another kind of record"),
        pytest.param(";a__print__;__requant_min_max:[0]", DAMAGED, id="one number"),
        pytest.param(";a__print__;__requant_min_max:[0][1][2]", DAMAGED, id="three numbers"),
        pytest.param(";a__print__;__requant_min_max:[0 1][2]", DAMAGED, id="two numbers in a bracket"),
        pytest.param(";a__print__;__requant_min_max:[0][1...]", DAMAGED, id="shortened"),
        pytest.param(";a__print__;__requant_min_max:[-1.bad][1]", DAMAGED, id="no number"),
        pytest.param(";a__print__;__requant_min_max:[1_0][11]", DAMAGED, id="Python's number"),
        pytest.param(";a__print__;__requant_min_max:[0][1", DAMAGED, id="cut off"),
        pytest.param("a__print__;__requant_min_max:[0][1]", DAMAGED, id="no first semicolon"),
        pytest.param(";a;__requant_min_max:[0][1]", DAMAGED, id="no print suffix"),
        pytest.param(";a__print__;__requant_min_max:[2][1]", REVERSED, id="minimum above maximum"),
    ],
)
def test_counts_a_line_that_it_skips_with_the_reason(line: str, why: str) -> None:
    log = read_log([line, format_record("ok", 0, 1)])
    assert log.skipped == {why: 1}
    assert list(log.records) == ["ok"]


def test_a_damaged_record_does_not_hide_the_whole_one_on_its_line() -> None:
    log = read_log([";a__print__;__requant_min_max:[0" + format_record("b", 0, 1)])
    assert (log.records, log.skipped) == ({"b": [(0, 1)]}, {DAMAGED: 1})


@pytest.mark.parametrize("value", ["nan", "-nan", "nan(ind)", "NaN", "inf", "-inf", "Infinity", "1e39"])
def test_refuses_nan_and_infinity_naming_the_nodes_and_how_often(value: str) -> None:
    lines = [f";bad__print__;__requant_min_max:[0][{value}]"] * 2 + [format_record("good", 0, 1)]
    with pytest.raises(CalibrationError, match=r"NaN or infinity for 'bad' \(2 times\)$"):
        read_log(lines)


def test_names_five_of_many_refused_nodes() -> None:
    with pytest.raises(CalibrationError, match="and 2 more"):
        read_log(f";n{i}__print__;__requant_min_max:[0][inf]" for i in range(7))


def test_a_file_without_records_says_what_it_skipped(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("hello\n" * 3)
    with pytest.raises(CalibrationError, match="holds no record \\(3 with no record in it\\)"):
        read_log_file(tmp_path / "log")


def test_an_empty_file_has_no_line(tmp_path: Path) -> None:
    (tmp_path / "log").touch()
    with pytest.raises(CalibrationError, match="no line in it"):
        read_log_file(tmp_path / "log")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"nowhere.* cannot be read: No such file"):
        read_log_file(tmp_path / "nowhere")


def test_bytes_that_are_no_text_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe\x00;\n" + RECORD.encode())
    assert len(read_log_file(tmp_path / "log")) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (11.4522095, "11.4522095"), (1e-5, "1e-05"), (16777216, "16777216"), (1e6, "1e+06"), (-0.0, "0")],
)
def test_writes_numbers_as_print_does(value: float, text: str) -> None:
    assert format_number(value) == text


@given(st.lists(float32 | st.sampled_from([0.0, -0.0, 0.1, 1e-45, 3.4028234663852886e38, 1234567.0])))
def test_many_numbers_are_written_as_each_is(values: list[float]) -> None:
    assert format_numbers(np.array(values, np.float32)) == [format_number(value) for value in values]


@pytest.mark.parametrize("at_once", [1, 3, 4, 100])
def test_a_long_log_is_written_in_parts_as_in_one(
    at_once: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbered = Ranges(np.zeros(7, np.float32), np.arange(7, dtype=np.float32), np.array([-1, 0, 1, 2, 3, 4, 5]))
    log = MinMaxLog({"a": Ranges.of([(-n, n) for n in range(9)]), "b": numbered})
    text = "".join(log.lines())
    assert text.count("\n") == 16 + 2
    monkeypatch.setattr(log_records, "RANGES_AT_ONCE", at_once)
    monkeypatch.setattr(min_max_log, "LINES_AT_ONCE", at_once)
    write_log_file(log, tmp_path / "log.txt")
    assert (tmp_path / "log.txt").read_text() == text


@given(float32)
def test_a_number_reads_back_as_the_same_float32(value: float) -> None:
    log = read_log([f";a__print__;__requant_min_max:[{format_number(value)}][{format_number(value)}]"])
    assert log.records == {"a": [(value, value)]}


@given(logs)
def test_a_log_reads_back_from_its_lines(log: MinMaxLog) -> None:
    again = read_log(log.lines())
    assert again.records == {node: sorted(pairs) for node, pairs in log.records.items()}
    assert not again.skipped


@given(logs, logs, logs)
def test_logs_join_in_any_order(a: MinMaxLog, b: MinMaxLog, c: MinMaxLog) -> None:
    assert list(((a | b) | c).lines()) == list((c | (b | a)).lines())


def test_joined_logs_add_what_they_skipped() -> None:
    assert (MinMaxLog({}, {"x": 1}) | MinMaxLog({}, {"x": 2, "y": 1})).skipped == {"x": 3, "y": 1}


@pytest.mark.parametrize("name", ["a;b", "a[0]", "a b", ""])
def test_a_name_that_the_grammar_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(CalibrationError, match="cannot be logged"):
        record_prefix(name)


@pytest.mark.parametrize(
    ("message", "node"),
    [
        (";a/b__print__;__requant_min_max:", "a/b"),
        (";RequantizationRange;;a__print__;__requant_min_max:", "a"),
        (";a__print__;__max:", None),
        ("__requant_min_max:", None),
        ("", None),
    ],
)
def test_finds_the_node_in_a_prints_message(message: str, node: str | None) -> None:
    assert logged_node(message) == node
