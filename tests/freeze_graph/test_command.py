from pathlib import Path

import numpy as np
import pytest

from octavo.cli import main
from octavo.graph.proto import load_graph
from small_models import TrainingRun, predict, write_keras, write_saved_model_v2

NAMES = "--output_node_names=net/predict"


def freeze(*args: str | Path) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["freeze_graph", *map(str, args)])
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(("name", "binary"), [("graph.pbtxt", "False"), ("graph.pb", "True"), ("graph.pb", "false")])
def test_the_tutorials_line_works(
    run: TrainingRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, binary: str
) -> None:
    frozen = tmp_path / "F.pb"
    assert (
        freeze(
            f"--input_graph={run.folder / name}",
            f"--output_graph={frozen}",
            "--input_binary",
            binary,
            f"--input_checkpoint={run.checkpoint}",
            NAMES,
        )
        == 0
    )
    assert capsys.readouterr().out.startswith("3 variables converted; ")
    np.testing.assert_array_equal(predict(load_graph(frozen)), run.predicted)


def test_every_flag_of_tensorflows_tool_is_taken(run: TrainingRun, tmp_path: Path) -> None:
    frozen = tmp_path / "F.pb"
    flags = [
        f"--input_graph={run.folder / 'graph.pb'}",
        f"--input_saver={run.folder / 'saver.pb'}",
        f"--input_checkpoint={run.checkpoint}",
        "--checkpoint_version=2",
        f"--output_graph={frozen}",
        "--input_binary",
        "--output_node_names",
        "net/predict, images",
        "--restore_op_name=save/restore_all",
        "--filename_tensor_name=save/Const:0",
        "--clear_devices=TRUE",
        "--initializer_nodes=",
        "--variable_names_whitelist=net/conv/filters,net/conv/bias,net/dense/weights",
        "--variable_names_denylist=",
        "--input_meta_graph=",
        "--input_saved_model_dir=",
        "--saved_model_tags=serve",
    ]
    assert freeze(*flags) == 0
    np.testing.assert_array_equal(predict(load_graph(frozen)), run.predicted)


def test_a_meta_graph_freezes(run: TrainingRun, tmp_path: Path) -> None:
    frozen = tmp_path / "F.pb"
    meta = f"--input_meta_graph={run.checkpoint}.meta"
    assert freeze(meta, f"--input_checkpoint={run.checkpoint}", NAMES, "--output_graph", frozen) == 0
    np.testing.assert_array_equal(predict(load_graph(frozen)), run.predicted)


def test_a_saved_model_freezes(tmp_path: Path) -> None:
    write_saved_model_v2(tmp_path / "m")
    frozen = tmp_path / "F.pb"
    line = [f"--input_saved_model_dir={tmp_path / 'm'}", f"--output_graph={frozen}"]
    assert freeze(*line, "--output_node_names=scores") == 0
    assert "scores" in load_graph(frozen).nodes
    assert freeze(*line, "--signature=second") == 0
    assert "mean" in load_graph(frozen).nodes


def test_a_keras_file_freezes(tmp_path: Path) -> None:
    write_keras(tmp_path / "m.h5")
    assert freeze("--input_graph", tmp_path / "m.h5", "--output_graph", tmp_path / "F.pb") == 0
    assert "predict" in load_graph(tmp_path / "F.pb").nodes


def test_nothing_is_written_without_an_output_file(run: TrainingRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert freeze("--input_graph", run.folder / "graph.pb", "--input_checkpoint", run.checkpoint, NAMES) == 0
    assert "not written: no --output_graph was given" in capsys.readouterr().out


def test_a_graph_that_was_not_run_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = tmp_path / "g.pbtxt"
    graph.write_text('node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_STRING } } }')
    assert freeze("--input_graph", graph, "--output_node_names=x", "--output_graph", tmp_path / "F.pb") == 0
    assert "loaded, but not run: no sample can be made for 'x', a string" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "no graph was given; give --input-graph"),
        (["--input_graph=/no/graph.pb", NAMES], "the graph file '/no/graph.pb' cannot be read"),
        (["--input_saved_model_dir=/no/model", NAMES], "is no SavedModel"),
    ],
)
def test_a_fault_is_one_line_and_status_2(args: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert freeze(*args) == 2
    said = capsys.readouterr().err
    assert said.startswith("octavo: error: ")
    assert said.count("\n") == 1
    assert message in said


def test_a_checkpoint_version_that_is_none_is_a_usage_error() -> None:
    assert freeze("--checkpoint_version=3") == 2
