import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.errors import CalibrationError
from octavo.ranges.exact_sum import ExactSum
from octavo.ranges.min_max_log import MinMaxLog, format_correction, format_record, read_log

FLOATS = st.floats(-1e6, 1e6, width=32)
VECTORS = st.lists(FLOATS, min_size=1, max_size=20)


@given(VECTORS)
def test_a_vector_reads_back_as_it_was_written(values: list[float]) -> None:
    log = read_log([format_correction("eightbit_bias_correction/a/b", values)])
    assert log.corrections == {"eightbit_bias_correction/a/b": ExactSum.of(np.array(values, np.float32))}
    assert read_log(log.lines()).corrections == log.corrections


@given(st.integers(1, 5).flatmap(lambda size: st.lists(st.lists(FLOATS, min_size=size, max_size=size), max_size=4)))
def test_merged_logs_are_the_same_in_any_order(vectors: list[list[float]]) -> None:
    logs = [read_log([format_correction("n", v)]) for v in vectors]
    backwards = MinMaxLog()
    for log in reversed(logs):
        backwards |= log
    forwards = MinMaxLog()
    for log in logs:
        forwards |= log
    assert list(forwards.lines()) == list(backwards.lines())


def test_two_kinds_of_record_share_a_line() -> None:
    line = "I0101 " + format_record("r", -1, 2) + format_correction("c", [0.5, 1e-9])
    log = read_log([line])
    assert log.records == {"r": [(-1, 2)]}
    assert len(log.corrections["c"]) == 2
    assert not log.skipped


def test_a_vector_that_print_has_cut_short_is_damaged() -> None:
    log = read_log([";c__print__;__bias_correction:[0.5 1...]"])
    assert not log.corrections
    assert log.skipped == {"a damaged record": 1}


def test_vectors_of_one_node_that_differ_in_length_are_refused() -> None:
    with pytest.raises(CalibrationError, match=r"'c' do not fit together: vectors of lengths \[1, 2\]"):
        read_log([format_correction("c", [1]), format_correction("c", [1, 2])])
