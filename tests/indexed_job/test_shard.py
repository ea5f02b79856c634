"""What the step puts into the store for its pods, and what each pod makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from images import write_arrays
from logged import logged_graph
from octavo.cli import main
from octavo.data.plan import make_plan, read_plan
from octavo.errors import DataError, OctavoError
from octavo.files import write_json
from octavo.graph import save_graph
from octavo.indexed_job.inputs import Work, checksum, fetch, put
from octavo.merge_min_max_logs.merge import merge_planned
from octavo.plan_shards.plan import plan_shards
from octavo.storage import list_objects

EXAMPLES = 9


def artifacts_of(folder: Path, shards: int) -> dict[str, Path]:
    """The files that calibrate reads, for a plan of so many shards."""
    folder.mkdir()
    save_graph(logged_graph(), folder / "graph")
    pixels = np.random.default_rng(3).integers(0, 256, (EXAMPLES, 6, 6, 3), np.uint8)
    data = write_arrays(folder / "d.npz", x=pixels)
    write_json(folder / "summary", {"input_names": ["image"], "output_names": [], "unsettled": []})
    planned = plan_shards(data, shards=shards, batch_size=1, manifest=folder / "manifest")
    write_json(folder / "plan", make_plan(planned, str(folder / "target")).model_dump())
    return {name: folder / name for name in ("graph", "summary", "manifest", "plan")}


def put_work(artifacts: Mapping[str, Path], place: Path) -> str:
    parameters = {"preprocessing": "unit", "batch_size": 1, "recipe": ""}
    work = Work(component="calibrate", parameters=parameters, artifacts=tuple(artifacts))
    return put(work, artifacts, "inputs", place)


def run_shard(folder: str, index: int) -> int | str | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOB_COMPLETION_INDEX", str(index))
        with pytest.raises(SystemExit) as end:
            main(["run-shard", f"--inputs={folder}"])
    return end.value.code


@pytest.mark.parametrize("shards", [1, 3, EXAMPLES])
def test_the_logs_of_all_indexes_merge_to_the_bytes_of_one_shards(shards: int, tmp_path: Path) -> None:
    merged = dict[int, bytes]()
    for number in (1, shards):
        artifacts = artifacts_of(tmp_path / f"{number}-of-{shards}-{len(merged)}", number)
        folder = put_work(artifacts, tmp_path)
        assert [run_shard(folder, index) for index in range(number)] == [0] * number
        merge_planned(artifacts["plan"], tmp_path / "merged")
        merged[number] = (tmp_path / "merged").read_bytes()

    assert merged[1] == merged[shards]
    assert b"requant" in merged[1]


def test_an_index_says_what_it_runs_and_one_that_is_not_planned_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = put_work(artifacts_of(tmp_path / "a", 3), tmp_path)

    assert run_shard(folder, 3) == 2
    assert capsys.readouterr().err == "octavo: error: there is no shard 3: the plan has 3, from 0 on\n"
    assert run_shard(folder, 2) == 0
    assert "shard 2 of 3: examples 6 to 8" in capsys.readouterr().out


def test_what_the_pods_need_goes_with_what_they_leave(tmp_path: Path) -> None:
    artifacts = artifacts_of(tmp_path / "a", 3)
    folder = put_work(artifacts, tmp_path)
    run_shard(folder, 0)

    plan = read_plan(artifacts["plan"])
    assert folder.startswith(plan.folder)
    assert plan.clear() == len(["graph", "summary", "manifest", "plan", "work.json", "a log"])


def test_what_is_there_is_not_stored_again(tmp_path: Path) -> None:
    artifacts = artifacts_of(tmp_path / "a", 3)
    before = [(each.uri, Path(each.uri).stat().st_mtime_ns) for each in list_objects(put_work(artifacts, tmp_path))]
    after = [(each.uri, Path(each.uri).stat().st_mtime_ns) for each in list_objects(put_work(artifacts, tmp_path))]

    assert after == before


def test_a_store_that_was_left_in_the_middle_is_filled(tmp_path: Path) -> None:
    artifacts = artifacts_of(tmp_path / "a", 3)
    folder = put_work(artifacts, tmp_path)
    (Path(folder) / "work.json").unlink()
    (Path(folder) / "graph").unlink()
    put_work(artifacts, tmp_path)

    (tmp_path / "place").mkdir()
    assert fetch(folder, tmp_path / "place")[1]["graph"].read_bytes() == artifacts["graph"].read_bytes()


def test_a_folder_without_work_is_told(tmp_path: Path) -> None:
    (tmp_path / "work.json").write_text('{"component": 3}')

    with pytest.raises(DataError, match="does not say what to do: \\('component',\\): Input should be a valid string"):
        fetch(str(tmp_path), tmp_path)
    with pytest.raises(OctavoError, match=r"work\.json"):
        fetch(str(tmp_path / "none"), tmp_path)


@given(st.dictionaries(st.text(min_size=1), st.text() | st.integers()), st.binary(), st.binary())
def test_work_that_differs_in_a_byte_has_another_checksum(
    tmp_path_factory: pytest.TempPathFactory, parameters: dict[str, str | int], content: bytes, other: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "artifact"

    def of(component: str, given: dict[str, str | int], whole: bytes) -> str:
        file.write_bytes(whole)
        return checksum(component, given, {"graph": file})

    mine = of("calibrate", parameters, content)
    assert of("calibrate", dict(reversed(parameters.items())), content) == mine
    assert (of("calibrate", parameters, other) == mine) is (other == content)
    assert of("calibrate", {**parameters, "more": ""}, content) != mine or parameters.get("more") == ""
    assert of("evaluate_shard", parameters, content) != mine
