"""Turns of a loop, as its pods do them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from images import write_arrays
from logged import logged_graph
from octavo.calibrate.turn import calibrate_turn
from octavo.data.parts import Parts, Plan, Turn
from octavo.errors import DataError, SpecError
from octavo.graph import save_graph
from octavo.graph_folder import GraphFolder, new_graph_folder
from octavo.merge_min_max_logs.merge import merge_parts
from octavo.plan_shards.loops import plan_loop, reused, told
from octavo.storage import list_objects
from written import source, summary


@pytest.fixture
def graph(tmp_path: Path) -> GraphFolder:
    made = new_graph_folder(tmp_path / "graph")
    save_graph(logged_graph(), made.graph)
    summary().write(made.summary)
    return made


@pytest.fixture
def data(tmp_path: Path) -> str:
    return write_arrays(tmp_path / "d.npz", x=np.random.default_rng(3).integers(0, 256, (9, 6, 6, 3), np.uint8))


def planned(graph: GraphFolder, data: str, home: Path, **others: object) -> tuple[Parts, Plan, list[Turn]]:
    settings = {"shards": 3, "batch_size": 1, "preprocessing": "unit", "reuse": True, **others}
    return plan_loop({"min_max_log": graph}, dataset_uri=data, home=str(home), **settings)  # type: ignore[arg-type]


def test_a_run_that_broke_off_is_continued_and_one_that_ended_is_taken_whole(
    graph: GraphFolder, data: str, tmp_path: Path
) -> None:
    parts, _, turns = planned(graph, data, tmp_path / "home")
    assert [turn.shard for turn in turns] == [0, 1, 2]
    for turn in turns[:2]:
        calibrate_turn(turn)
    again, _, left = planned(graph, data, tmp_path / "home")
    assert again == parts
    assert [turn.shard for turn in left] == [2]
    calibrate_turn(left[0])
    merge_parts(parts.folder, tmp_path / "merged")
    assert planned(graph, data, tmp_path / "home")[2] == []
    merge_parts(parts.folder, tmp_path / "taken")
    assert (tmp_path / "taken").read_bytes() == (tmp_path / "merged").read_bytes()


def test_a_plan_says_how_many_turns_are_done_and_the_desk_shows_that(
    graph: GraphFolder, data: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "octavo")
    folder, plan, turns = planned(graph, data, tmp_path / "home")
    told(plan, turns)
    assert reused("\n".join(caplog.messages)) == []
    calibrate_turn(turns[1])
    told(plan, folder.open_turns(plan))
    printed = "\n".join(f"    {message}" for message in caplog.messages)
    assert reused(printed) == ["an earlier run has done 1 of 3 turns"]


def test_what_is_not_to_be_reused_is_done_anew_with_the_same_bytes(
    graph: GraphFolder, data: str, tmp_path: Path
) -> None:
    merged = []
    for number, reuse in enumerate((True, False)):
        parts, _, turns = planned(graph, data, tmp_path / "home", reuse=reuse)
        assert len(turns) == 3
        for turn in turns:
            calibrate_turn(turn)
        merge_parts(parts.folder, tmp_path / str(number))
        merged.append((tmp_path / str(number)).read_bytes())
    assert merged[0] == merged[1]


CHANGES: dict[str, dict[str, object]] = {
    "batches": {"batch_size": 2},
    "preprocessing": {"preprocessing": "raw"},
    "limit": {"limit": 8},
    "choice": {"limit": 5, "seed": 3},
    "recipe": {"recipe": "calibration: {max_percentile: 1}"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_another_setting_reuses_nothing(name: str, graph: GraphFolder, data: str, tmp_path: Path) -> None:
    parts, _, turns = planned(graph, data, tmp_path / "home")
    for turn in turns:
        calibrate_turn(turn)
    other, plan, left = planned(graph, data, tmp_path / "home", **CHANGES[name])
    assert other != parts
    assert len(left) == len(plan.shards)


def test_a_replaced_graph_or_data_set_reuses_nothing(graph: GraphFolder, data: str, tmp_path: Path) -> None:
    folders = {planned(graph, data, tmp_path / "home")[0].folder}
    write_arrays(tmp_path / "d.npz", x=np.random.default_rng(4).integers(0, 256, (9, 6, 6, 3), np.uint8))
    folders.add(planned(graph, data, tmp_path / "home")[0].folder)
    graph.graph.write_bytes(graph.graph.read_bytes() + b"\x22\x00")
    folders.add(planned(graph, data, tmp_path / "home")[0].folder)
    assert len(folders) == 3


def test_a_turn_leaves_nothing_of_data_that_was_replaced_since_it_was_planned(
    graph: GraphFolder, data: str, tmp_path: Path
) -> None:
    parts, plan, turns = planned(graph, data, tmp_path / "home")
    calibrate_turn(turns[0])
    write_arrays(tmp_path / "d.npz", x=np.random.default_rng(4).integers(0, 256, (9, 6, 6, 3), np.uint8))
    with pytest.raises(DataError, match="the data set was changed while it was read"):
        calibrate_turn(turns[1])
    assert [turn.shard for turn in parts.open_turns(plan)] == [1, 2]


def test_a_turn_whose_results_another_run_has_merged_meanwhile_does_nothing(
    graph: GraphFolder, data: str, tmp_path: Path
) -> None:
    parts, _, turns = planned(graph, data, tmp_path / "home")
    for turn in turns:
        calibrate_turn(turn)
    merge_parts(parts.folder, tmp_path / "merged")
    calibrate_turn(turns[1])
    assert not [entry for entry in list_objects(parts.folder) if entry.name.startswith("min_max_log")]


def test_a_preprocessing_that_an_input_cannot_hold_is_refused_by_the_plan(
    graph: GraphFolder, data: str, tmp_path: Path
) -> None:
    summary(inputs=[source("image", "uint8", (None, 6, 6, 3))]).write(graph.summary)
    with pytest.raises(SpecError, match="'image'"):
        planned(graph, data, tmp_path / "home")


def test_a_turn_of_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"plan\.json"):
        calibrate_turn(Turn(parts=str(tmp_path / "gone"), kind="min_max_log", shard=0))
