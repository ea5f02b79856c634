from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from octavo.cli import cli
from octavo.errors import CalibrationError
from octavo.graph.min_max_log import format_record
from octavo.merge_min_max_logs.merge import merge_logs

NODES = ("a", "b/c", "z")
lines = st.builds(
    format_record,
    st.sampled_from(NODES),
    st.floats(-9, 0, width=32),
    st.floats(0, 9, width=32),
)


def merged(folder: Path, *logs: list[str]) -> bytes:
    paths = [folder / f"{index}.log" for index in range(len(logs))]
    for path, log in zip(paths, logs, strict=True):
        path.write_text("".join(f"{line}\n" for line in log))
    merge_logs(paths, folder / "merged")
    return (folder / "merged").read_bytes()


@given(st.lists(lines, min_size=2, max_size=12), st.data())
def test_the_result_depends_neither_on_order_nor_on_the_number_of_logs(records: list[str], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(records))
    cut = data.draw(st.integers(1, len(records) - 1))
    with tempfile.TemporaryDirectory() as folder:
        whole = merged(Path(folder), records)
        assert merged(Path(folder), shuffled[:cut], shuffled[cut:]) == whole
        assert merged(Path(folder), whole.decode().splitlines()) == whole


def test_a_captured_log_merges_with_a_clean_one(tmp_path: Path) -> None:
    noisy = ["WARNING: hello", f"I0101 x.cc:79] {format_record('b', -1, 1)}{format_record('a', 0, 2)}"]
    assert merged(tmp_path, noisy, [format_record("a", 0, 1)]).decode().splitlines() == [
        format_record("a", 0, 1),
        format_record("a", 0, 2),
        format_record("b", -1, 1),
    ]


def test_no_logs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no min/max logs"):
        merge_logs([], tmp_path / "merged")


@pytest.mark.parametrize(
    ("log", "wanted"),
    [
        pytest.param(["only text"], r"'.*1\.log' holds no record", id="no record"),
        pytest.param([], r"'.*1\.log' holds no record", id="empty"),
        pytest.param([";a__print__;__requant_min_max:[nan][1]"], r"NaN .* 'a' \(1 time\), in '.*1\.log'", id="NaN"),
    ],
)
def test_a_log_that_cannot_be_used_is_named_and_nothing_written(tmp_path: Path, log: list[str], wanted: str) -> None:
    with pytest.raises(CalibrationError, match=wanted):
        merged(tmp_path, [format_record("a", 0, 1)], log)
    assert not (tmp_path / "merged").exists()


def test_the_command_says_what_it_merged_and_skipped(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"hello\n{format_record('a', 0, 1)}\n")
    arguments = ["merge_min_max_logs", str(tmp_path / "log"), str(tmp_path / "log"), f"--output={tmp_path / 'm'}"]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.output == "2 records of 1 nodes\nskipped lines: 2 with no record in it\n"
    assert (tmp_path / "m").read_text() == f"{format_record('a', 0, 1)}\n" * 2
