"""Reading a log takes time by its length alone, whatever is in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from examples import example
from octavo.errors import CalibrationError
from octavo.ranges import min_max_log
from octavo.ranges.log_records import find_records
from octavo.ranges.min_max_log import DAMAGED, NO_RECORD, format_record, read_log, read_log_file
from octavo.transform_graph.transforms.freeze_max import freeze_max
from time_limit import within

RECORD = ";a__print__;__requant_min_max:["
CORRECTION = ";a__print__;__bias_correction:["
OK = format_record("ok", 0, 1)

SIZE = 500_000
"""Bytes of a long line."""

SECONDS = 20.0
"""How long a line of SIZE bytes may take on a machine that others use too. Time that grew with the length's square
would be hours."""

LINES = {
    "one number": RECORD + "1" * SIZE,
    "a number and one that is cut": f"{RECORD}{'1' * (SIZE // 2)}][{'1' * (SIZE // 2)}",
    "many numbers": CORRECTION + "11 " * (SIZE // 3) + "11",
    "many numbers with points": CORRECTION + "1.5e+05 " * (SIZE // 8) + "1",
    "many numbers, the last shortened": CORRECTION + "0.25 " * (SIZE // 5) + "1...]",
    "points": CORRECTION + "1." * (SIZE // 2),
    "signs": CORRECTION + "-" * SIZE,
    "many brackets": ";a__print__;__histogram:" + "[1]" * (SIZE // 3) + "[",
    "open brackets": RECORD + "[" * SIZE,
    "not a number": CORRECTION + "nan(" + "a" * SIZE,
    "not numbers": CORRECTION + "nan(ind) " * (SIZE // 9),
    "records that are cut": (RECORD + "1") * (SIZE // len(RECORD)),
    "heads": ";a__print__" * (SIZE // 11),
    "tails": ";" + "__print__;" * (SIZE // 10),
    "a long name": ";" + "a" * SIZE + "__print__;",
    "semicolons": ";" * SIZE,
    "a batch": "batch=" + "1" * SIZE + " " + RECORD,
    "batches": "batch=1 " * (SIZE // 8) + RECORD,
    "batches without numbers": "x batch=" * (SIZE // 8) + RECORD,
    "marks": "__requant_min_max:" * (SIZE // 18),
    "counts": ";calibration__print__;__records:[" * (SIZE // 33),
    "counts of nothing": "__records:" * (SIZE // 10),
    "text": "x" * SIZE,
    "text that is no ASCII": "ä" * (SIZE // 2),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_a_line_without_a_whole_record_takes_time_by_its_length(line: str) -> None:
    with within(SECONDS):
        log = read_log([line, OK])
        assert list(log.records) == ["ok"]
        assert set(log.skipped) == ({DAMAGED} if re.search("__[a-z_]+:", line) else {NO_RECORD})


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_so_does_one_among_others_in_a_file(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(min_max_log, "BLOCK_BYTES", 1 << 10)
    (tmp_path / "log").write_text(f"{OK}\n{line}\n{OK}\n{line}", encoding="utf-8")
    with within(SECONDS):
        assert len(read_log_file(tmp_path / "log")) == 2


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(RECORD + "0][1]", id="ranges"),
        pytest.param(";a__print__;__max:[1]", id="single ends"),
        pytest.param("batch=3 " + RECORD + "0][1]", id="with a batch"),
        pytest.param(CORRECTION + "1 2 3]", id="corrections"),
    ],
)
def test_many_records_on_one_line_are_all_read(record: str) -> None:
    count = SIZE // 10 // len(record)
    with within(SECONDS):
        log = read_log([record * count])
    assert not log.skipped
    read = log.corrections["a"].count if log.corrections else len(log)
    assert read == count


def test_a_record_of_a_million_numbers_is_read() -> None:
    with within(SECONDS):
        (found,) = find_records(CORRECTION + "0.5 " * 10**6 + "1]")
        assert len(found.numbers(0)) == 10**6 + 1


def test_a_cut_record_does_not_hang_the_reader_of_single_ends(tmp_path: Path) -> None:
    graph = example("x = Placeholder()\nm = Max(x, axes)\naxes = Const() value=int32<1>[0]", outputs=("m",))
    (tmp_path / "log").write_text(";m__print__;__max:[" + "1" * SIZE)
    with within(SECONDS), pytest.raises(CalibrationError, match="holds no record"):
        freeze_max(graph, min_max_log_file=str(tmp_path / "log"))


@pytest.mark.parametrize("digits", [18, 19, 5000])
def test_a_batchs_number_that_is_too_long_is_text(digits: int) -> None:
    log = read_log([f"batch={'9' * digits} {OK}", f"I0108] batch={'9' * digits} {OK}"])
    wanted = int("9" * digits) if digits == 18 else -1
    assert log.ranges["ok"].batches.tolist() == [wanted, wanted]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param("__histogram:[9999999999][0][1]", id="bins too wide"),
        pytest.param("__histogram:[0][999999999999][1]", id="bins too far"),
        pytest.param("__histogram:[0][0][99999999999999999999]", id="counts too large"),
        pytest.param("__histogram:[0][0][1 -1 1]", id="a negative count"),
        pytest.param("__histogram:[0][0][0 1]", id="an empty end"),
        pytest.param("__histogram:[0][0][1.5]", id="half a value"),
        pytest.param("__bias_correction_sum:[0][1]", id="a sum of none"),
        pytest.param("__bias_correction_sum:[-1][1]", id="a sum of less than none"),
        pytest.param(f"__bias_correction_sum:[1][{10**40}]", id="a sum too large"),
        pytest.param(f"__bias_correction_sum:[{'1' * 5000}][1]", id="too many digits"),
    ],
)
def test_a_record_that_cannot_be_is_damaged(record: str) -> None:
    log = read_log([f";a__print__;{record}", OK])
    assert (list(log.nodes), log.skipped) == (["ok"], {DAMAGED: 1})
