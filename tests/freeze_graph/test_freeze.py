import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from octavo.errors import GraphError
from octavo.freeze_graph.freeze import (
    Settings,
    freeze_graph,
    freeze_keras,
    freeze_model,
    freeze_saved_model,
    write_frozen,
)
from octavo.graph.graph import Graph
from octavo.graph.proto import load_graph
from octavo.graph.tensors import const_value
from octavo.graph.text import parse_graph
from small_models import (
    TrainingRun,
    predict,
    write_keras,
    write_saved_model_v1,
    write_saved_model_v2,
    write_training_run,
)

OUTPUT = ["net/predict"]


def ops_of(graph: Graph) -> set[str]:
    return {node.op for node in graph.nodes.values()}


def test_a_checkpoint_freezes_to_what_the_outputs_need(run: TrainingRun) -> None:
    frozen = freeze_graph(run.graph, run.checkpoint, ["images"], OUTPUT)
    assert sorted(frozen.converted) == ["net/conv/bias", "net/conv/filters", "net/dense/weights"]
    assert not any("Adam" in name or "save" in name or "gradients" in name for name in frozen.graph.nodes)
    assert ops_of(frozen.graph).isdisjoint({"VariableV2", "VarHandleOp", "ReadVariableOp"})
    assert not any("_class" in node.attrs for node in frozen.graph.nodes.values())
    assert (frozen.graph.nodes["images"].shape("shape") or (0,))[0] is None
    np.testing.assert_array_equal(predict(frozen.graph), run.predicted)


def test_freezing_a_folder_twice_gives_the_same_bytes(run: TrainingRun, tmp_path: Path) -> None:
    shutil.copytree(run.folder, tmp_path / "model")
    (tmp_path / "model" / "graph.pb").unlink()
    for extra in ("model.ckpt.meta", "saver.pb"):
        (tmp_path / "model" / extra).unlink()
    files = [tmp_path / name for name in ("a.pb", "b.pb")]
    for file in files:
        freeze_model(tmp_path / "model", file, input_names=["images"], output_names=OUTPUT)
    assert files[0].read_bytes() == files[1].read_bytes()
    np.testing.assert_array_equal(predict(load_graph(files[0])), run.predicted)


@pytest.mark.parametrize("form", ["model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001", ""])
def test_a_checkpoint_may_be_named_by_its_files_or_folder(run: TrainingRun, form: str) -> None:
    frozen = freeze_graph(run.graph, run.folder / form, [], OUTPUT)
    np.testing.assert_array_equal(predict(frozen.graph), run.predicted)


@pytest.mark.parametrize("resources", [True, False])
@pytest.mark.parametrize("with_saver", [True, False])
def test_partitioned_variables_are_put_together(tmp_path: Path, resources: bool, with_saver: bool) -> None:
    run = write_training_run(tmp_path, resources=resources, partitions=2, optimizer=False)
    graph = run.graph
    if not with_saver:
        kept = graph.needed_by(OUTPUT)
        graph = graph.with_nodes(node for node in graph.nodes.values() if node.name in kept)
    frozen = freeze_graph(graph, run.checkpoint, [], OUTPUT)
    assert "net/conv/filters/part_1" in frozen.converted
    np.testing.assert_array_equal(predict(frozen.graph), run.predicted)


def test_a_checkpoint_of_the_first_format_is_read(tmp_path: Path) -> None:
    run = write_training_run(tmp_path, resources=False, version=1, optimizer=False)
    assert not run.checkpoint.with_suffix(".ckpt.index").exists()
    np.testing.assert_array_equal(predict(freeze_graph(run.graph, run.checkpoint, [], OUTPUT).graph), run.predicted)


def test_variables_saved_under_other_names_are_found_by_the_restore_nodes(tmp_path: Path) -> None:
    graph, checkpoint = _renamed_checkpoint(tmp_path)
    frozen = freeze_graph(graph, checkpoint, [], ["weights/read"])
    assert frozen.graph.nodes["weights"].op == "Const"
    read = graph.needed_by(["weights/read"])
    without_saver = graph.with_nodes(node for node in graph.nodes.values() if node.name in read)
    with pytest.raises(GraphError, match=r"lacks 1 of 1 variables, 'weights' first; near keys: old_weights"):
        freeze_graph(without_saver, checkpoint, [], ["weights/read"])


def _renamed_checkpoint(folder: Path) -> tuple[Graph, Path]:
    """A graph whose variable `weights` is saved as `old_weights`."""
    from octavo.tensorflow import import_tensorflow, quiet_tensorflow

    tf = import_tensorflow()
    v1 = tf.compat.v1
    with quiet_tensorflow(), tf.Graph().as_default(), v1.Session() as session:
        variable = v1.get_variable("weights", [2], use_resource=False)
        session.run(v1.global_variables_initializer())
        v1.train.Saver({"old_weights": variable}).save(session, str(folder / "m"), write_meta_graph=False)
        tf.io.write_graph(session.graph.as_graph_def(), str(folder), "g.pb", as_text=False)
    return load_graph(folder / "g.pb"), folder / "m"


def test_objects_that_tensorflow_2_saved_are_found_by_the_variables_names(tmp_path: Path) -> None:
    import tensorflow as tf

    variable = tf.Variable([1.0, 2.0], name="layer/kernel")
    prefix = tf.train.Checkpoint(model=variable).save(str(tmp_path / "m"))
    graph = parse_graph("""
        layer/kernel = VarHandleOp() dtype=float32 shape=<2> shared_name=""
        y = ReadVariableOp(layer/kernel) dtype=float32
    """)
    frozen = freeze_graph(graph, prefix, [], ["y"])
    assert [node.op for node in frozen.graph.nodes.values()] == ["Const", "Identity"]


def test_objects_are_found_by_the_path_of_their_attributes(tmp_path: Path) -> None:
    import tensorflow as tf

    layer = tf.Module()
    layer.kernel, layer.other = tf.Variable([1.0, 2.0]), tf.Variable([3.0, 4.0])
    twin = tf.Module()
    twin.other = tf.Variable([5.0, 6.0])
    prefix = tf.train.Checkpoint(layer=layer, twin=twin).save(str(tmp_path / "m"))
    read = 'y = ReadVariableOp({0}) dtype=float32\n{0} = VarHandleOp() dtype=float32 shape=<2> shared_name=""'
    for name, value in (("kernel", [1, 2]), ("layer/kernel", [1, 2]), ("twin/other", [5, 6])):
        frozen = freeze_graph(parse_graph(read.format(name)), prefix, [], ["y"])
        np.testing.assert_array_equal(const_value(frozen.graph.nodes[name]), value)
    for name in ("other", "ernel", "layer"):
        with pytest.raises(GraphError, match=f"lacks 1 of 1 variables, '{name}' first"):
            freeze_graph(parse_graph(read.format(name)), prefix, [], ["y"])


def test_a_frozen_graph_passes_through(run: TrainingRun, tmp_path: Path) -> None:
    first, second = tmp_path / "first.pb", tmp_path / "second.pb"
    write_frozen(freeze_graph(run.graph, run.checkpoint, [], OUTPUT), first)
    freeze_model(first, second, input_names=["images"], output_names=OUTPUT)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        ([], "no output names were given"),
        (["net/predikt"], r"no node named 'net/predikt' among the graph's \d+ nodes; near names: net/predict"),
    ],
)
def test_outputs_are_checked_before_the_checkpoint_is_opened(
    run: TrainingRun, outputs: list[str], message: str
) -> None:
    with pytest.raises(GraphError, match=message):
        freeze_graph(run.graph, "/no/such/checkpoint", [], outputs)


def test_variables_without_a_checkpoint_are_an_error(run: TrainingRun) -> None:
    with pytest.raises(GraphError, match=r"the outputs need 3 variables \('net/conv/filters' ...\) and no checkpoint"):
        freeze_graph(run.graph, None, [], OUTPUT)


def test_an_absent_checkpoint_is_an_error(run: TrainingRun, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="no checkpoint can be read at"):
        freeze_graph(run.graph, tmp_path / "model.ckpt", [], OUTPUT)


def test_a_damaged_checkpoint_is_an_error(tmp_path: Path) -> None:
    run = write_training_run(tmp_path, resources=True, optimizer=False)
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:20])
    with pytest.raises(GraphError, match=r"the checkpoint '.*model\.ckpt' cannot give 'net/"):
        freeze_graph(run.graph, run.checkpoint, [], OUTPUT)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("dtype=float32 shape=<4,7>", r"float32 \[4,7\], but the checkpoint's 'net/dense/weights' is float32 \[4,6\]"),
        ("dtype=float64 shape=<4,6>", r"float64 \[4,6\], but the checkpoint's 'net/dense/weights' is float32 \[4,6\]"),
    ],
)
def test_a_checkpoint_of_another_graph_is_an_error(run: TrainingRun, declared: str, message: str) -> None:
    graph = parse_graph(f"net/dense/weights = VariableV2() {declared}")
    with pytest.raises(GraphError, match=message):
        freeze_graph(graph, run.checkpoint, [], ["net/dense/weights"])


def test_an_output_of_training_is_an_error(run: TrainingRun) -> None:
    graph = run.graph
    step = next(name for name, node in graph.nodes.items() if "ApplyAdam" in node.op)
    with pytest.raises(GraphError, match=r"which writes the variable 'net/.*name outputs of the inference graph"):
        freeze_graph(graph, run.checkpoint, [], [step])


def test_only_the_variables_asked_for_are_converted(run: TrainingRun, tmp_path: Path) -> None:
    for settings in (Settings(only=("net/conv/bias",)), Settings(never=("net/conv/filters", "net/dense/weights"))):
        frozen = freeze_graph(run.graph, run.checkpoint, [], OUTPUT, settings)
        assert frozen.converted == ("net/conv/bias",)
        assert frozen.graph.nodes["net/conv/filters"].op in {"VariableV2", "VarHandleOp"}
        assert "was left a variable" in write_frozen(frozen, tmp_path / "f.pb")


def test_a_variable_that_is_none_cannot_be_asked_for(run: TrainingRun) -> None:
    with pytest.raises(GraphError, match=r"'net/conv/bia' is none of the graph's .* near names: net/conv/bias"):
        freeze_graph(run.graph, run.checkpoint, [], OUTPUT, Settings(never=("net/conv/bia",)))


def test_initializers_run_after_the_variables_are_restored(run: TrainingRun) -> None:
    settings = Settings(initializers=("net/dense/weights/Assign",))
    frozen = freeze_graph(run.graph, run.checkpoint, ["images", "labels"], OUTPUT, settings)
    assert "labels" in frozen.graph.nodes
    assert ops_of(frozen.graph).isdisjoint({"VariableV2", "VarHandleOp"})
    assert len(frozen.converted) == 3
    assert predict(frozen.graph).shape == run.predicted.shape


def test_devices_go_or_stay(run: TrainingRun) -> None:
    graph = run.graph
    graph = graph.with_nodes(replace(node, device="/device:CPU:0") for node in graph.nodes.values())
    for clear in (True, False):
        frozen = freeze_graph(graph, run.checkpoint, [], OUTPUT, Settings(clear_devices=clear))
        assert {node.device for node in frozen.graph.nodes.values()} == {"" if clear else "/device:CPU:0"}


def test_functions_that_read_variables_are_converted_by_tensorflow(tmp_path: Path) -> None:
    predicted = _write_graph_with_a_function(tmp_path)
    frozen = freeze_graph(load_graph(tmp_path / "g.pb"), tmp_path / "m", ["x"], ["y"])
    assert frozen.converted == ("v",)
    assert "VarHandleOp" not in ops_of(frozen.graph)
    np.testing.assert_array_equal(predict(frozen.graph, "y", "x"), predicted)


def _write_graph_with_a_function(folder: Path) -> npt.NDArray[Any]:
    from octavo.tensorflow import import_tensorflow, quiet_tensorflow
    from small_models import IMAGES

    tf = import_tensorflow()
    v1 = tf.compat.v1
    with quiet_tensorflow(), tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 8, 8, 3], "x")
        variable = v1.get_variable("v", [3], use_resource=True)
        scaled = tf.function(lambda image: image * variable.read_value(), autograph=False)
        y = tf.identity(scaled(x), "y")
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, str(folder / "m"), write_meta_graph=False)
        tf.io.write_graph(session.graph.as_graph_def(), str(folder), "g.pb", as_text=False)
        result: npt.NDArray[Any] = session.run(y, {x: IMAGES})
    return result


def test_a_saved_model_of_tensorflow_1_keeps_its_node_names(tmp_path: Path) -> None:
    predicted = write_saved_model_v1(tmp_path / "m")
    freeze_model(tmp_path / "m", tmp_path / "f.pb", input_names=["images"], output_names=OUTPUT)
    np.testing.assert_array_equal(predict(load_graph(tmp_path / "f.pb")), predicted)
    assert freeze_saved_model(tmp_path / "m", [], []).graph.outputs == ("net/predict",)


def test_a_saved_model_of_tensorflow_2_is_named_by_its_signature(tmp_path: Path) -> None:
    predicted = write_saved_model_v2(tmp_path / "m")
    freeze_model(tmp_path / "m", tmp_path / "f.pb", input_names=["images"], output_names=["scores"])
    graph = load_graph(tmp_path / "f.pb")
    assert "hidden" not in graph.nodes
    assert (graph.nodes["images"].shape("shape") or (0,))[0] is None
    np.testing.assert_allclose(predict(graph, "scores"), predicted, rtol=0, atol=1e-6)
    by_tensor = freeze_saved_model(tmp_path / "m", [], ["StatefulPartitionedCall"])
    np.testing.assert_allclose(
        predict(by_tensor.graph, "StatefulPartitionedCall").shape, (3, 8, 8, 4), err_msg="the output `hidden`"
    )
    assert freeze_saved_model(tmp_path / "m", [], [], Settings(signature="second")).graph.outputs == ("mean",)


@pytest.mark.parametrize(
    ("outputs", "settings", "message"),
    [
        (["score"], Settings(), "near names: scores"),
        ([], Settings(signature="third"), "no signature 'third'"),
        ([], Settings(tags=("train",)), "no tags 'train'"),
        ([], Settings(never=("filters",)), "converted all"),
    ],
)
def test_what_a_saved_model_has_not_is_an_error(
    tmp_path: Path, outputs: list[str], settings: Settings, message: str
) -> None:
    write_saved_model_v2(tmp_path)
    with pytest.raises(GraphError, match=message):
        freeze_saved_model(tmp_path, [], outputs, settings)


def test_a_keras_file_is_named_by_its_layers(tmp_path: Path) -> None:
    predicted = write_keras(tmp_path / "m.keras")
    freeze_model(tmp_path / "m.keras", tmp_path / "f.pb", input_names=["photo"], output_names=["predict"])
    np.testing.assert_allclose(predict(load_graph(tmp_path / "f.pb"), "predict", "photo"), predicted, rtol=0, atol=1e-6)
    assert "conv/kernel" in freeze_keras(tmp_path / "m.keras", [], []).converted


def test_a_graph_that_fails_to_run_is_not_written(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pbtxt"
    bad.write_text(
        'node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } }\n'
        '  attr { key: "shape" value { shape { dim { size: -1 } } } } }\n'
        'node { name: "y" op: "CheckNumerics" input: "z" attr { key: "T" value { type: DT_FLOAT } }\n'
        '  attr { key: "message" value { s: "broken" } } }\n'
        'node { name: "z" op: "Log" input: "n" attr { key: "T" value { type: DT_FLOAT } } }\n'
        'node { name: "n" op: "Neg" input: "x" attr { key: "T" value { type: DT_FLOAT } } }\n'
    )
    with pytest.raises(GraphError, match="the graph fails to run: broken"):
        freeze_model(bad, tmp_path / "f.pb", output_names=["y"])
    assert not (tmp_path / "f.pb").exists()


@pytest.mark.models
def test_the_real_checkpoint_freezes_to_the_frozen_graph_of_the_same_net(test_data: Path, tmp_path: Path) -> None:
    models = test_data / "models"
    freeze_model(
        models / "cifar10_resnet20_checkpoint", tmp_path / "f.pb", input_names=["input"], output_names=["predict"]
    )
    frozen, wanted = load_graph(tmp_path / "f.pb"), load_graph(models / "cifar10_resnet20.pb")
    assert set(frozen.nodes) == set(wanted.nodes)
    assert {name: node.op for name, node in frozen.nodes.items()} == {n: node.op for n, node in wanted.nodes.items()}
    assert all(frozen.nodes[n].attrs.get("value") == node.attrs.get("value") for n, node in wanted.nodes.items())


@pytest.mark.models
def test_efficientnet_freezes_whole(test_data: Path, tmp_path: Path) -> None:
    model = test_data / "models" / "efficientnet_lite0_checkpoint"
    freeze_model(model, tmp_path / "f.pb", input_names=["input"], output_names=["predict"])
    graph = load_graph(tmp_path / "f.pb")
    assert ops_of(graph).isdisjoint({"VarHandleOp", "ReadVariableOp"})
    assert len(graph.nodes) == 640
