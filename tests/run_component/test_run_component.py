"""Components on local files, with flags read from their specification."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo import components
from octavo.cli import main
from octavo.data.plan import make_plan
from octavo.data.shard import Shard
from octavo.files import write_json
from octavo.graph.log_records import format_examples
from quickstart import QUICKSTART
from whole_logs import whole

FLAGS = {"shard", "preprocessing", "batch_size"}
"""The inputs of calibrate that are no files."""


def run(*words: object) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        main(["run-component", *map(str, words)])
    return end.value.code


def record(node: str, low: float, high: float) -> str:
    return f";{node}__print__;__requant_min_max:[{low}][{high}]"


def test_a_returned_list_goes_to_the_file_or_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = f"--dataset-uri={QUICKSTART.calibration}"
    files = (f"--manifest={tmp_path / 'manifest'}", f"--plan={tmp_path / 'plan'}")
    words = ("plan-shards", data, "--shards=2", "--batch-size=10", f"--target-uri={tmp_path / 'target'}", *files)

    assert run(*words, f"--output={tmp_path / 'out' / 'shards'}") == 0
    assert run(*words) == 0
    shards = json.loads((tmp_path / "out" / "shards").read_text())
    assert [shard["index"] for shard in shards] == [0, 1]
    assert json.loads(capsys.readouterr().out) == shards


def test_what_shards_have_left_is_merged_and_cleared(tmp_path: Path) -> None:
    shards = [Shard(index=number, start=number, stop=number + 1) for number in range(3)]
    plan = make_plan(shards, str(tmp_path / "target"))
    write_json(tmp_path / "plan", plan.model_dump())
    for shard in shards:
        lines = whole(format_examples(shard.start, shard.stop), record("a", 0, shard.index))
        (tmp_path / "log").write_text("\n".join(lines))
        plan.leave("min_max_log", shard, tmp_path / "log")

    assert run("merge_min_max_logs", f"--plan={tmp_path / 'plan'}", f"--merged={tmp_path / 'deep' / 'merged'}") == 0
    assert (tmp_path / "deep" / "merged").read_text().count("requant_min_max") == 3
    assert run("clear_parts", f"--plan={tmp_path / 'plan'}", f"--evaluation-plan={tmp_path / 'plan'}") == 0
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize(
    ("flag", "words"),
    [("--shard={index: 0}", "is no JSON"), ("--batch-size=ten", "'ten' is not a valid integer")],
)
def test_a_parameter_of_another_type_is_refused(
    flag: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = tmp_path / "graph"
    graph.touch()
    given = {"shard": "{}", "preprocessing": "unit", "batch-size": 1, "log": tmp_path / "log"}
    files = [f"--{name}={graph}" for name in components.calibrate.component_spec.inputs if name not in FLAGS]

    assert run("calibrate", *files, *(f"--{name}={value}" for name, value in given.items()), flag) == 2
    assert words in capsys.readouterr().err


def test_a_missing_artifact_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("freeze-graph", "--model=nowhere", "--summary=nowhere", f"--frozen={tmp_path / 'f'}") == 2
    assert "'nowhere' does not exist" in capsys.readouterr().err


def test_an_unknown_component_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("calibrated") == 2
    assert "calibrated" in capsys.readouterr().err
