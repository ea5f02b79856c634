"""Small models that TensorFlow writes for the tests: checkpoints of TensorFlow 1, SavedModels, Keras files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.graph.graph import Graph
from octavo.graph.proto import load_graph
from octavo.runtime.session import GraphSession
from octavo.tensorflow import import_tensorflow, quiet_tensorflow

IMAGES: npt.NDArray[Any] = np.random.default_rng(7).random((3, 8, 8, 3), np.float32)


@dataclass(frozen=True)
class TrainingRun:
    """A folder with graph.pb, graph.pbtxt, model.ckpt* and saver.pb, and what `net/predict` is for IMAGES."""

    folder: Path
    predicted: npt.NDArray[Any]

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's prefix."""
        return self.folder / "model.ckpt"

    @property
    def graph(self) -> Graph:
        """The training graph."""
        return load_graph(self.folder / "graph.pb")


def predict(graph: Graph, output: str = "net/predict", images: str = "images") -> npt.NDArray[Any]:
    """What a frozen graph predicts for IMAGES."""
    with GraphSession(graph, [output]) as session:
        return session.run({images: IMAGES})[0]


def write_training_run(
    folder: Path, *, resources: bool, partitions: int = 1, version: int = 2, optimizer: bool = True
) -> TrainingRun:
    """A training graph of TensorFlow 1 with its checkpoint."""
    tf = import_tensorflow()
    v1 = tf.compat.v1
    with quiet_tensorflow(), tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(3)
        images = v1.placeholder(tf.float32, [None, 8, 8, 3], "images")
        labels = v1.placeholder(tf.int64, [None], "labels")
        with v1.variable_scope("net", use_resource=resources, partitioner=_partitioner(tf, partitions)):
            predict = _network(tf, images)
        loss = tf.reduce_mean(
            v1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=predict.op.inputs[0]), name="loss"
        )
        if optimizer:
            v1.train.AdamOptimizer(0.1).minimize(loss, v1.train.get_or_create_global_step())
        saver = v1.train.Saver(write_version=version)
        session.run(v1.global_variables_initializer())
        _save(tf, folder, session, saver)
        result = session.run(predict, {images: IMAGES})
    return TrainingRun(folder, result)


def _partitioner(tf: Any, partitions: int) -> Any:
    return tf.compat.v1.fixed_size_partitioner(partitions) if partitions > 1 else None


def _network(tf: Any, images: Any) -> Any:
    v1 = tf.compat.v1
    filters = v1.get_variable("conv/filters", [3, 3, 3, 4])
    bias = v1.get_variable("conv/bias", [4])
    hidden = tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(images, filters, 1, "SAME"), tf.identity(bias)))
    weights = v1.get_variable("dense/weights", [4, 6])
    logits = tf.matmul(tf.reduce_mean(hidden, [1, 2]), weights, name="logits")
    return tf.nn.softmax(logits, name="predict")


def _save(tf: Any, folder: Path, session: Any, saver: Any) -> None:
    definition = session.graph.as_graph_def(add_shapes=True)
    saver.save(session, str(folder / "model.ckpt"))
    tf.io.write_graph(definition, str(folder), "graph.pb", as_text=False)
    tf.io.write_graph(definition, str(folder), "graph.pbtxt", as_text=True)
    (folder / "saver.pb").write_bytes(saver.as_saver_def().SerializeToString())


def write_saved_model_v1(folder: Path) -> npt.NDArray[Any]:
    """A SavedModel as TensorFlow 1 writes it; returns what it predicts for IMAGES."""
    tf = import_tensorflow()
    v1 = tf.compat.v1
    with quiet_tensorflow(), tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(5)
        images = v1.placeholder(tf.float32, [None, 8, 8, 3], "images")
        with v1.variable_scope("net", use_resource=True):
            predict = _network(tf, images)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"in": images}, {"out": predict})
        result: npt.NDArray[Any] = session.run(predict, {images: IMAGES})
    return result


def write_saved_model_v2(folder: Path) -> npt.NDArray[Any]:
    """A SavedModel as TensorFlow 2 writes it, with the signatures serving_default and second.

    Returns:
        The output `scores` of serving_default for IMAGES.
    """
    tf = import_tensorflow()
    rng = np.random.default_rng(1)
    module = tf.Module()
    module.filters = tf.Variable(rng.random((3, 3, 3, 4), np.float32), name="filters")
    module.weights = tf.Variable(rng.random((4, 6), np.float32), name="scores")
    module.count = tf.Variable(0, name="count")
    images = tf.TensorSpec([None, 8, 8, 3], tf.float32, "images")

    def pooled(hidden: Any) -> Any:
        return tf.matmul(tf.reduce_mean(hidden, [1, 2]), module.weights)

    call = tf.function(pooled, input_signature=[tf.TensorSpec([None, 8, 8, 4], tf.float32)], autograph=False)

    def scores(images: Any) -> dict[str, Any]:
        hidden = tf.nn.relu(tf.nn.conv2d(images, module.filters, 1, "SAME"))
        return {"scores": tf.nn.softmax(call(hidden)), "hidden": hidden}

    def mean(images: Any) -> dict[str, Any]:
        return {"mean": tf.reduce_mean(images, [1, 2, 3])}

    serve, second = (tf.function(f, input_signature=[images], autograph=False) for f in (scores, mean))
    with quiet_tensorflow():
        tf.saved_model.save(module, str(folder), signatures={"serving_default": serve, "second": second})
    result: npt.NDArray[Any] = serve(tf.constant(IMAGES))["scores"].numpy()
    return result


def write_keras(file: Path) -> npt.NDArray[Any]:
    """A Keras file with the input layer "photo" and the output layer "predict"; returns what it predicts for IMAGES."""
    tf = import_tensorflow()
    with quiet_tensorflow():
        layers = tf.keras.layers
        tf.keras.utils.set_random_seed(2)
        photo = layers.Input((8, 8, 3), name="photo")
        hidden = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, name="conv")(photo))
        pooled = layers.GlobalAveragePooling2D()(layers.ReLU()(hidden))
        model = tf.keras.Model(photo, layers.Dense(6, activation="softmax", name="predict")(pooled))
        model.save(file)
        result: npt.NDArray[Any] = model(IMAGES, training=False).numpy()
    return result
