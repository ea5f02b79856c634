"""Components on local files, with flags read from their specification."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from octavo.cli import main
from octavo.data.parts import Parts, Plan
from octavo.data.shard import Shard
from octavo.data.versions import data_version
from octavo.graph_folder import new_graph_folder
from octavo.ranges.log_records import format_examples
from octavo.storage import list_objects
from quickstart import QUICKSTART
from whole_logs import whole
from written import summary


def run(*words: object) -> int | str | None:
    with pytest.raises(SystemExit) as end:
        main(["run-component", *map(str, words)])
    return end.value.code


def record(node: str, low: float, high: float) -> str:
    return f";{node}__print__;__requant_min_max:[{low}][{high}]"


def test_what_is_returned_goes_to_the_file_or_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "model-uri": QUICKSTART.model,
        "calibration-uri": QUICKSTART.calibration,
        "validation-uri": QUICKSTART.validation,
        "target-uri": tmp_path / "target",
        "preprocessing": "unit",
        "reuse": "true",
    }
    words = ("look-up", *(f"--{name}={value}" for name, value in given.items()))

    assert run(*words, f"--output={tmp_path / 'out' / 'version'}") == 0
    assert run(*words) == 0
    version = (tmp_path / "out" / "version").read_text()
    assert re.fullmatch(r"[0-9a-f]{32}", version)
    assert capsys.readouterr().out == f"{version}\n"
    assert run(*words, "--reuse=false") == 0
    assert re.fullmatch(rf"{version}-[0-9a-f]{{8}}\n", capsys.readouterr().out)


def test_a_parameter_that_is_put_out_beside_what_is_returned_is_a_file_of_its_own(tmp_path: Path) -> None:
    graph = new_graph_folder(tmp_path / "graph")
    graph.graph.write_bytes(b"a graph")
    summary(["x"], ["y"]).write(graph.summary)
    given = {
        "graph": graph.path,
        "dataset-uri": QUICKSTART.calibration,
        "shards": 2,
        "batch-size": 10,
        "preprocessing": "unit",
        "target-uri": tmp_path / "target",
        "parts": tmp_path / "deep" / "parts",
        "output": tmp_path / "deep" / "turns",
    }
    assert run("plan-calibration", *(f"--{name}={value}" for name, value in given.items())) == 0
    parts = (tmp_path / "deep" / "parts").read_text()
    assert json.loads((tmp_path / "deep" / "turns").read_text()) == [
        {"parts": parts, "kind": "min_max_log", "shard": str(shard)} for shard in range(2)
    ]


def test_what_turns_have_left_is_merged_and_no_longer_kept_by_itself(tmp_path: Path) -> None:
    (tmp_path / "manifest.jsonl").write_text(json.dumps({"uri": str(QUICKSTART.calibration)}))
    shards = [Shard(index=number, start=number, stop=number + 1) for number in range(3)]
    plan = Plan(
        kinds=("min_max_log",),
        shards=tuple(shards),
        batch_size=1,
        preprocessing="unit",
        data=data_version(tmp_path / "manifest.jsonl"),
    )
    parts = Parts(str(tmp_path / "parts"))
    parts.begin(plan, tmp_path / "manifest.jsonl", {})
    for shard in shards:
        lines = whole(format_examples(shard.start, shard.stop), record("a", 0, shard.index))
        (tmp_path / "log").write_text("\n".join(lines))
        parts.leave("min_max_log", shard, tmp_path / "log")

    assert run("merge_min_max_logs", f"--parts={parts.folder}", f"--log={tmp_path / 'deep' / 'merged'}") == 0
    assert (tmp_path / "deep" / "merged").read_text().count("requant_min_max") == 3
    assert {entry.name for entry in list_objects(parts.folder)} == {
        "plan.json",
        "manifest.jsonl",
        "merged/min_max_log",
    }


@pytest.mark.parametrize(
    ("flag", "words"),
    [("--turn={shard: 0}", "is no JSON"), ("--turn=[]", "is no turn of a loop")],
)
def test_a_parameter_of_another_type_is_refused(flag: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("calibrate", flag) == 2
    assert words in capsys.readouterr().err


def test_a_missing_artifact_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("freeze-graph", "--model=nowhere", "--summary=nowhere", f"--frozen-graph={tmp_path / 'f'}") == 2
    assert "'nowhere' does not exist" in capsys.readouterr().err


def test_an_unknown_component_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("calibrated") == 2
    assert "calibrated" in capsys.readouterr().err
