from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.errors import GraphError
from octavo.graph.proto import to_def
from octavo.graph.text import parse_graph
from octavo.runtime.functions import (
    FunctionGraph,
    keras_function,
    saved_model_function,
    without_idle_control_edges,
)
from octavo.runtime.session import GraphSession
from octavo.tensorflow import import_tensorflow, quiet_tensorflow
from small_models import IMAGES, write_keras, write_saved_model_v2


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    folder = tmp_path_factory.mktemp("saved_model")
    return folder, write_saved_model_v2(folder)


@pytest.fixture(scope="module", params=["model.keras", "model.h5"])
def keras_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    file = tmp_path_factory.mktemp("keras") / request.param
    return file, write_keras(file)


def run(function: FunctionGraph, output: str) -> np.ndarray:
    with GraphSession(function.graph, [output]) as session:
        return session.run({function.graph.inputs[0]: IMAGES})[0]


def ops_of(function: FunctionGraph) -> set[str]:
    return {node.op for node in function.graph.nodes.values()}


def test_a_signature_becomes_one_graph_named_by_its_keys(saved_model: tuple[Path, np.ndarray]) -> None:
    function = saved_model_function(saved_model[0], "serving_default")
    assert function.graph.inputs == ("images",)
    assert function.graph.outputs == ("hidden", "scores")
    assert function.graph.library is None
    assert not any("Call" in op or "Variable" in op for op in ops_of(function))
    assert not any(node.control_inputs for node in function.graph.nodes.values())
    np.testing.assert_allclose(run(function, "scores"), saved_model[1], rtol=0, atol=1e-6)


def test_a_variable_named_as_an_output_gives_way(saved_model: tuple[Path, np.ndarray]) -> None:
    function = saved_model_function(saved_model[0], "serving_default")
    assert function.variables == {"filters", "scores_1"}
    assert function.graph.nodes["scores"].op == "Identity"


def test_the_signature_asked_for_is_taken(saved_model: tuple[Path, np.ndarray]) -> None:
    function = saved_model_function(saved_model[0], "second")
    assert function.graph.outputs == ("mean",)
    assert not function.variables
    np.testing.assert_allclose(run(function, "mean"), IMAGES.mean((1, 2, 3)), rtol=0, atol=1e-6)


def test_the_same_model_gives_the_same_bytes(saved_model: tuple[Path, np.ndarray]) -> None:
    first, second = (
        to_def(saved_model_function(saved_model[0], "serving_default").graph).SerializeToString(deterministic=True)
        for _ in range(2)
    )
    assert first == second


def test_a_folder_that_is_no_saved_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="TensorFlow cannot load the SavedModel"):
        saved_model_function(tmp_path, "serving_default")


def test_a_keras_file_becomes_one_graph_named_by_its_layers(keras_file: tuple[Path, np.ndarray]) -> None:
    function = keras_function(keras_file[0])
    assert function.graph.inputs == ("photo",)
    assert function.graph.outputs == ("predict",)
    assert {"conv/kernel", "predict/bias"} < function.variables
    np.testing.assert_allclose(run(function, "predict"), keras_file[1], rtol=0, atol=1e-6)


def test_a_keras_file_that_is_none_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "model.keras"
    file.write_bytes(b"no zip file")
    with pytest.raises(GraphError, match=r"Keras cannot load '.*model\.keras'"):
        keras_function(file)


def test_a_stateful_keras_layer_is_an_error_that_says_how_to_export(tmp_path: Path) -> None:
    file = tmp_path / "stateful.keras"
    with quiet_tensorflow():
        keras = import_tensorflow().keras
        x = keras.layers.Input((3, 2), batch_size=1, name="x")
        keras.Model(x, keras.layers.LSTM(2, stateful=True, name="memory")(x)).save(file)
    with pytest.raises(GraphError, match=r"writes a variable .*memory.*AssignVariableOp.*export it without state"):
        keras_function(file)


def test_a_saved_model_that_counts_its_calls_is_an_error_that_names_the_op(tmp_path: Path) -> None:
    tf = import_tensorflow()
    module = tf.Module()
    module.calls = tf.Variable(0.0)

    def serve(x: Any) -> Any:
        return {"y": x + module.calls.assign_add(1.0)}

    signature = tf.function(serve, input_signature=[tf.TensorSpec([None], tf.float32, "x")], autograph=False)
    with quiet_tensorflow():
        tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": signature})
    with pytest.raises(GraphError, match=r"writes a variable each time it infers \(AssignAddVariableOp 'AssignAdd"):
        saved_model_function(tmp_path, "serving_default")


def test_control_edges_from_nodes_without_effect_go() -> None:
    graph = parse_graph("""
        x = Placeholder() dtype=float32
        w = Const() value=float32<>[1]
        n = NoOp(^w)
        y = Mul(x, w, ^n)
    """)
    assert without_idle_control_edges(graph).nodes["y"].inputs == ("x", "w")


def test_control_edges_from_nodes_that_wait_for_an_effect_stay() -> None:
    graph = parse_graph("""
        x = Placeholder() dtype=float32
        w = Const() value=float32<>[1]
        a = Assert(x, x)
        n = NoOp(^a, ^w)
        y = Mul(x, w, ^n, ^w)
    """)
    kept = without_idle_control_edges(graph)
    assert kept.nodes["y"].inputs == ("x", "w", "^n")
    assert kept.nodes["n"].inputs == ("^a",)
