"""Models with several outputs, from the files that users have to INT8 graphs with all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.cli import main
from octavo.freeze_graph.freeze import frozen_model
from octavo.graph import load_graph, save_graph
from octavo.runtime.session import GraphSession
from octavo.summarize_graph.summarize import summarize_model
from octavo.tensorflow import import_tensorflow, quiet_tensorflow

IMAGES = np.random.default_rng(0).random((16, 8, 8, 3), np.float32)


def network(keras: Any) -> Any:
    """A network with scores, coordinates and a mask."""
    layers = keras.layers
    keras.utils.set_random_seed(1)
    photo = layers.Input((8, 8, 3), name="photo")
    trunk = layers.Conv2D(4, 3, padding="same", activation="relu")(photo)
    pooled = layers.GlobalAveragePooling2D()(trunk)
    mask = layers.Conv2D(1, 1, activation="sigmoid", name="mask")(trunk)
    joints = layers.Dense(6, name="joints")(pooled)
    classes = layers.Dense(5, activation="softmax", name="classes")(pooled)
    return keras.Model(photo, {"joints": joints, "mask": mask, "classes": classes})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with the network as a Keras file, a SavedModel and a frozen graph; and what it makes of IMAGES."""
    folder = tmp_path_factory.mktemp("heads")
    with quiet_tensorflow():
        model = network(import_tensorflow().keras)
        model.save(folder / "pose.keras")
        model.export(folder / "pose", verbose=False)
    save_graph(frozen_model(folder / "pose.keras", output_names=()).graph, folder / "pose.pb")
    return folder, {name: np.asarray(value) for name, value in model(IMAGES, training=False).items()}


@pytest.mark.parametrize("name", ["pose.keras", "pose", "pose.pb"])
def test_all_outputs_are_taken_and_frozen(models: tuple[Path, dict[str, Any]], name: str) -> None:
    folder, expected = models
    ends = summarize_model(folder / name).ends()
    assert sorted(ends.outputs) == ["classes", "joints", "mask"]
    graph = frozen_model(folder / name, input_names=ends.inputs, output_names=ends.outputs).graph
    with GraphSession(graph, ends.outputs) as session:
        found = session.run({ends.inputs[0]: IMAGES})
    for output, value in zip(ends.outputs, found, strict=True):
        np.testing.assert_allclose(value, expected[output], rtol=0, atol=1e-5)


def test_the_output_names_of_a_signature_are_taken_as_they_are(tmp_path: Path) -> None:
    """Whole numbers, text, an input that is handed on, and one tensor under two names."""
    tf = import_tensorflow()
    module = tf.Module()
    module.weights = tf.Variable(np.ones((2, 3), np.float32))

    def serve(x: Any) -> dict[str, Any]:
        y = tf.nn.softmax(tf.matmul(x, module.weights))
        label = tf.gather(tf.constant(["a", "b", "c"]), tf.argmax(y, 1))
        return {"scores": y, "again": y, "id": tf.argmax(y, 1), "label": label, "given": x}

    signature = tf.function(serve, input_signature=[tf.TensorSpec([None, 2], tf.float32, "x")], autograph=False)
    with quiet_tensorflow():
        tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": signature})
    ends = summarize_model(tmp_path).ends()
    assert ends.outputs == ("again", "given", "id", "label", "scores")
    graph = frozen_model(tmp_path, input_names=ends.inputs, output_names=ends.outputs).graph
    with GraphSession(graph, ends.outputs) as session:
        again, given, number, label, scores = session.run({"x": np.eye(2, dtype=np.float32)})
    np.testing.assert_array_equal(again, scores)
    np.testing.assert_array_equal(given, np.eye(2))
    assert (number.tolist(), label.tolist()) == ([0, 0], [b"a", b"a"])


def quantize(model: Path, *flags: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["quantize", str(model), "--preprocessing=raw", *flags])
    return int(end.value.code or 0)


@pytest.fixture
def data(models: tuple[Path, dict[str, Any]], tmp_path: Path) -> str:
    np.savez(tmp_path / "data.npz", x=IMAGES, y=models[1]["classes"].argmax(1))
    return str(tmp_path / "data.npz")


@pytest.mark.int8
def test_one_command_takes_all_heads_of_a_frozen_graph_and_says_which_it_scored(
    models: tuple[Path, dict[str, Any]], data: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, expected = models
    flags = [f"--calibration={data}", f"--validation={data}", "--tolerance=100", f"--output={tmp_path}"]
    assert quantize(folder / "pose.pb", *flags) == 0
    assert [record.getMessage() for record in caplog.records if record.name.startswith("octavo.quantize.")] == [
        "outputs taken: 'classes', 'joints', 'mask'; name those wanted with --outputs (in the pipeline output_names)",
        "top-1 and top-5 are of the output 'classes'",
    ]
    with GraphSession(load_graph(tmp_path / "int8.pb"), list(expected)) as session:
        for name, value in zip(expected, session.run({"photo": IMAGES}), strict=True):
            assert value.shape == expected[name].shape


@pytest.mark.int8
def test_outputs_that_cannot_be_scored_are_told_before_calibration(
    models: tuple[Path, dict[str, Any]], data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--calibration={data}", f"--validation={data}", f"--output={tmp_path / 'o'}"]
    assert quantize(models[0] / "pose.pb", *flags, "--outputs=mask,photo") == 2
    said = capsys.readouterr().err
    assert "none of the 2 outputs looks like scores for classes" in said
    assert "Calibrate" not in said
