"""What the step puts into the store for its pods, and what each pod makes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from images import write_arrays
from logged import logged_graph
from octavo.cli import main
from octavo.data.parts import Parts
from octavo.errors import DataError, OctavoError
from octavo.graph import save_graph
from octavo.graph_folder import GraphFolder, new_graph_folder
from octavo.indexed_job.inputs import Work, new_inputs, put, read_work
from octavo.merge_min_max_logs.merge import merge_parts
from octavo.plan_shards.loops import plan_loop
from octavo.storage import list_objects
from written import summary

EXAMPLES = 9


def begun(folder: Path, shards: int) -> tuple[Parts, str]:
    """A loop over calibrate of so many shards, and what the pods of its Job need."""
    graph = logged(folder)
    pixels = np.random.default_rng(3).integers(0, 256, (EXAMPLES, 6, 6, 3), np.uint8)
    data = write_arrays(folder / "d.npz", x=pixels)
    parts, _, turns = plan_loop(
        {"min_max_log": graph},
        dataset_uri=data,
        shards=shards,
        batch_size=1,
        preprocessing="unit",
        home=str(folder / "home"),
    )
    work = Work(step="calibrate", turns=tuple(turns))
    inputs = new_inputs(parts.folder)
    put(work, inputs, folder)
    return parts, inputs


def logged(folder: Path) -> GraphFolder:
    graph = new_graph_folder(folder / "graph")
    save_graph(logged_graph(), graph.graph)
    summary().write(graph.summary)
    return graph


def run_shard(inputs: str, index: int) -> int | str | None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JOB_COMPLETION_INDEX", str(index))
        with pytest.raises(SystemExit) as end:
            main(["run-shard", f"--inputs={inputs}"])
    return end.value.code


@pytest.mark.parametrize("shards", [3, EXAMPLES])
def test_the_logs_of_all_indexes_merge_to_the_bytes_of_one_shards(shards: int, tmp_path: Path) -> None:
    merged = dict[int, bytes]()
    for number in (1, shards):
        folder = tmp_path / str(number)
        folder.mkdir()
        parts, inputs = begun(folder, number)
        assert [run_shard(inputs, index) for index in range(number)] == [0] * number
        merge_parts(parts.folder, folder / "merged")
        merged[number] = (folder / "merged").read_bytes()

    assert merged[1] == merged[shards]
    assert b"requant" in merged[1]


def test_an_index_says_what_it_has_made_and_one_that_the_job_has_not_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts, inputs = begun(tmp_path, 3)

    assert run_shard(inputs, 3) == 2
    assert capsys.readouterr().err == "octavo: error: there is no index 3: the Job has 3, from 0 on\n"
    assert run_shard(inputs, 2) == 0
    said = capsys.readouterr().err
    assert "shard 2 of 3" in said
    assert f"left {parts.folder}/min_max_log/00002" in said


def test_what_the_pods_need_lies_in_the_loops_folder_and_is_taken_for_no_result(tmp_path: Path) -> None:
    parts, inputs = begun(tmp_path, 3)
    run_shard(inputs, 0)

    assert inputs.startswith(f"{parts.folder}/job-")
    assert {each.name for each in list_objects(inputs)} == {"work.json"}
    graphs = {each.name for each in list_objects(parts.folder) if each.name.startswith("graphs/")}
    assert graphs == {"graphs/min_max_log/graph.pb", "graphs/min_max_log/summary.json"}
    assert [turn.shard for turn in parts.open_turns(parts.plan())] == [1, 2]


def test_a_folder_without_work_is_told(tmp_path: Path) -> None:
    (tmp_path / "work.json").write_text('{"step": "bake", "turns": []}')

    with pytest.raises(DataError, match=r"does not say what to do: step: Input should be 'calibrate' or"):
        read_work(str(tmp_path))
    with pytest.raises(OctavoError, match=r"work\.json"):
        read_work(str(tmp_path / "none"))
