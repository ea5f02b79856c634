from __future__ import annotations

import gzip
import json
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from octavo.cli import cli
from octavo.data.parts import Parts, Plan
from octavo.data.shard import Shard
from octavo.data.versions import data_version
from octavo.errors import CalibrationError
from octavo.files import write_json
from octavo.merge_min_max_logs.merge import KIND, merge_logs, merge_parts, missing_examples
from octavo.ranges.log_records import format_examples, format_record
from octavo.ranges.min_max_log import read_log_file
from octavo.storage import list_objects
from whole_logs import whole

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
    one_of_each = [format_record(node, 0, 1) for node in NODES]
    shuffled = data.draw(st.permutations(records))
    cut = data.draw(st.integers(0, len(records)))
    records = [*one_of_each, *records, *one_of_each]
    with tempfile.TemporaryDirectory() as folder:
        found = merged(Path(folder), records)
        assert merged(Path(folder), one_of_each + shuffled[:cut], shuffled[cut:] + one_of_each) == found
        assert merged(Path(folder), whole(*shuffled[:cut], *one_of_each), one_of_each + shuffled[cut:]) == found
        assert merged(Path(folder), found.decode().splitlines()) == found


def test_a_captured_log_merges_with_a_clean_one(tmp_path: Path) -> None:
    noisy = ["WARNING: hello", f"I0101 x.cc:79] {format_record('b', -1, 1)}{format_record('a', 0, 2)}"]
    clean = [format_record("a", 0, 1), format_record("b", 0, 3)]
    assert merged(tmp_path, noisy, clean).decode().splitlines() == whole(
        format_record("a", 0, 1),
        format_record("a", 0, 2),
        format_record("b", -1, 1),
        format_record("b", 0, 3),
    )


def test_a_compressed_log_is_read_like_a_plain_one(tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(f"{format_record('a', 0, 1)}\n".encode()))
    merge_logs([tmp_path / "log.gz"], tmp_path / "merged")
    assert (tmp_path / "merged").read_text().splitlines() == whole(format_record("a", 0, 1))


def test_a_compressed_log_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.gz").write_bytes(gzip.compress(f"{format_record('a', 0, 1)}\n".encode())[:-9])
    with pytest.raises(CalibrationError, match=r"'.*log\.gz' cannot be read: Compressed file ended"):
        merge_logs([tmp_path / "log.gz"], tmp_path / "merged")


def test_a_node_that_some_logs_lack_is_named_with_what_was_skipped(tmp_path: Path) -> None:
    whole = [format_record("a", 0, 1), format_record("b", 0, 1)]
    cut = [format_record("a", 0, 1), ";b__print__;__requant_min_max:[0]["]
    with pytest.raises(CalibrationError, match=r"1\.log' lacks 1 of the 2 nodes .* 'b' \(.* 1 with a damaged record\)"):
        merged(tmp_path, whole, cut)


def shard(start: int, stop: int) -> list[str]:
    return whole(format_examples(start, stop), *(format_record("a", -i, i) for i in range(start, stop)))


def test_logs_of_shards_become_the_log_of_all_examples(tmp_path: Path) -> None:
    assert merged(tmp_path, shard(4, 6), shard(0, 4)) == merged(tmp_path, shard(0, 6))


def test_the_log_of_a_shard_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="two min/max logs are of the same examples 2 to 3;"):
        merged(tmp_path, shard(0, 4), shard(2, 6))


def test_a_shard_between_others_that_has_no_log_is_missed(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="no min/max log is of the examples 4 to 5;"):
        merged(tmp_path, shard(0, 4), shard(6, 8))


PLANNED = [Shard(index=index, start=2 * index, stop=2 * index + 2) for index in range(4)]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        pytest.param([(0, 2), (2, 4), (4, 6)], r"1 of 4 .*: shard 3 \(examples 6 to 7\);", id="the last one"),
        pytest.param([(2, 8)], r"1 of 4 .*: shard 0 \(examples 0 to 1\);", id="the first one"),
        pytest.param([(0, 2), (4, 8)], r"1 of 4 .*: shard 1 \(examples 2 to 3\);", id="one between others"),
        pytest.param([(0, 7)], r"1 of 4 .*: shard 3 \(examples 6 to 7\);", id="a part of one"),
    ],
)
def test_a_planned_shard_without_its_log_is_named(given: list[tuple[int, int]], wanted: str, tmp_path: Path) -> None:
    paths = [tmp_path / str(start) for start, _ in given]
    for path, ends in zip(paths, given, strict=True):
        path.write_text("\n".join(shard(*ends)))
    with pytest.raises(CalibrationError, match=wanted):
        merge_logs(paths, tmp_path / "merged", shards=PLANNED)
    assert not (tmp_path / "merged").exists()


def test_the_command_compares_the_logs_with_the_planned_shards(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("\n".join(shard(0, 6)))
    write_json(tmp_path / "shards", [each.model_dump() for each in PLANNED])
    words = ["merge_min_max_logs", str(tmp_path / "log"), f"--output={tmp_path / 'm'}"]
    with pytest.raises(CalibrationError, match="shard 3"):
        CliRunner().invoke(cli, [*words, f"--shards={tmp_path / 'shards'}"], catch_exceptions=False)
    write_json(tmp_path / "shards", [each.model_dump() for each in PLANNED[:3]])
    assert CliRunner().invoke(cli, [*words, f"--shards={tmp_path / 'shards'}"], catch_exceptions=False).exit_code == 0


def test_a_thousand_shards_come_together_to_the_bytes_of_one(tmp_path: Path) -> None:
    parts, shards = begun(tmp_path, 1000)
    for each in reversed(shards):
        (tmp_path / "log").write_text("\n".join(shard(each.start, each.stop)))
        parts.leave(KIND, each, tmp_path / "log")

    merge_parts(parts.folder, tmp_path / "merged")
    assert (tmp_path / "merged").read_bytes() == merged(tmp_path, shard(0, 2000))


def begun(folder: Path, count: int, recipe: str = "") -> tuple[Parts, tuple[Shard, ...]]:
    """A loop over shards of two examples."""
    (folder / "data.npz").write_text("")
    manifest = folder / "manifest.jsonl"
    manifest.write_text(json.dumps({"uri": str(folder / "data.npz")}))
    shards = tuple(Shard(index=index, start=2 * index, stop=2 * index + 2) for index in range(count))
    plan = Plan(
        kinds=(KIND,), shards=shards, batch_size=2, preprocessing="unit", recipe=recipe, data=data_version(manifest)
    )
    parts = Parts(str(folder / "parts"))
    parts.begin(plan, manifest, {})
    return parts, shards


def test_what_was_merged_once_is_taken_again_without_the_shards_logs(tmp_path: Path) -> None:
    parts, shards = begun(tmp_path, 2)
    for each in shards:
        (tmp_path / "log").write_text("\n".join(shard(each.start, each.stop)))
        parts.leave(KIND, each, tmp_path / "log")
    first = merge_parts(parts.folder, tmp_path / "merged")
    assert not [entry for entry in list_objects(parts.folder) if entry.name.startswith(KIND)]
    (tmp_path / "data.npz").write_text("changed since")
    assert merge_parts(parts.folder, tmp_path / "again").examples == first.examples
    assert (tmp_path / "again").read_bytes() == (tmp_path / "merged").read_bytes()


def test_a_loop_heeds_the_recipe_on_how_many_examples_are_required(tmp_path: Path) -> None:
    for required, fine in ((1.0, False), (0.5, True)):
        (tmp_path / str(required)).mkdir()
        recipe = f"calibration: {{required_examples: {required}}}"
        parts, shards = begun(tmp_path / str(required), 2, recipe)
        for each, text in zip(shards, (shard(0, 2), whole(format_examples(2, 4, missing=True))), strict=True):
            (tmp_path / "log").write_text("\n".join(text))
            parts.leave(KIND, each, tmp_path / "log")
        with nullcontext() if fine else pytest.raises(CalibrationError, match="the recipe wants 100 %"):
            merge_parts(parts.folder, tmp_path / "merged")


def test_failed_shards_are_left_out_only_as_far_as_the_recipe_allows(tmp_path: Path) -> None:
    logs = [shard(0, 6), whole(format_examples(6, 8, missing=True))]
    with pytest.raises(CalibrationError, match=r"2 of 8 .* \(6 to 7\); the recipe wants 100 % of them"):
        merged(tmp_path, *logs)
    paths = [tmp_path / "0.log", tmp_path / "1.log"]
    log = merge_logs(paths, tmp_path / "merged", required_examples=0.75)
    assert missing_examples(log) == (2, 8)
    assert missing_examples(read_log_file(tmp_path / "merged")) == (2, 8)


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
    assert (tmp_path / "m").read_text().splitlines() == whole(*[format_record("a", 0, 1)] * 2)
