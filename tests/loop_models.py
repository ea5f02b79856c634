"""Small models with loops, made with the libraries that users make them with, and written as users keep them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.tensorflow import import_tensorflow, quiet_tensorflow

Array = npt.NDArray[Any]

EXAMPLES, STEPS, FEATURES, CLASSES = 32, 6, 8, 5
KERAS_SUFFIXES = (".keras", ".h5")
SAVED_MODEL = ""
"""The suffix of a SavedModel's folder."""


@dataclass(frozen=True)
class Written:
    """A model in each form that it can have.

    Attributes:
        files: suffix -> the file, or the folder of the SavedModel.
        x: examples.
        y: what the model's own library makes of them, float32 [EXAMPLES, CLASSES].
    """

    files: dict[str, Path]
    x: Array
    y: Array

    def data(self, file: Path) -> Path:
        """Write the examples, labelled as the model sees them, as an .npz file."""
        np.savez(file, x=self.x, y=self.y.argmax(1))
        return file


def sequences(seed: int = 0) -> Array:
    """Examples: float32 [EXAMPLES, STEPS, FEATURES]."""
    return np.random.default_rng(seed).standard_normal((EXAMPLES, STEPS, FEATURES)).astype(np.float32)


def _recurrent(make: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, Array]]:
    """A layer on sequences."""

    def made(keras: Any) -> tuple[Any, Array]:
        x = keras.layers.Input((STEPS, FEATURES), name="x")
        return keras.Model(x, _classes(keras, make(keras.layers)(x))), sequences()

    return made


def _convolutional(keras: Any) -> tuple[Any, Array]:
    """A recurrent layer of convs, on short films."""
    layers = keras.layers
    x = layers.Input((3, 8, 8, 2), name="x")
    pooled = layers.GlobalAveragePooling2D()(layers.ConvLSTM2D(4, 3)(x))
    films = np.random.default_rng(0).standard_normal((EXAMPLES, 3, 8, 8, 2)).astype(np.float32)
    return keras.Model(x, _classes(keras, pooled)), films


def _masked(keras: Any) -> tuple[Any, Array]:
    """A recurrent layer on words, of which 0 stands for none."""
    layers = keras.layers
    x = layers.Input((STEPS,), dtype="int32", name="x")
    words = layers.Embedding(20, FEATURES, mask_zero=True)(x)
    ids = np.random.default_rng(0).integers(0, 20, (EXAMPLES, STEPS)).astype(np.int32)
    return keras.Model(x, _classes(keras, layers.LSTM(8)(words))), ids


def _custom_cell(keras: Any) -> tuple[Any, Array]:
    """A recurrent layer of a cell of one's own."""

    class Cell(keras.layers.Layer):  # type: ignore[misc]
        state_size = 8

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 8), name="kernel")
            self.recurrent = self.add_weight(shape=(8, 8), name="recurrent")

        def call(self, inputs: Any, states: Any) -> Any:
            state = keras.ops.tanh(inputs @ self.kernel + states[0] @ self.recurrent)
            return state, [state]

    return _recurrent(lambda layers: layers.RNN(Cell()))(keras)


def _classes(keras: Any, features: Any) -> Any:
    return keras.layers.Dense(CLASSES, activation="softmax", name="classes")(features)


KERAS: dict[str, tuple[Callable[[Any], tuple[Any, Array]], tuple[str, ...]]] = {
    "lstm": (_recurrent(lambda layers: layers.LSTM(8)), (*KERAS_SUFFIXES, SAVED_MODEL)),
    "unrolled_lstm": (_recurrent(lambda layers: layers.LSTM(8, unroll=True)), (*KERAS_SUFFIXES, SAVED_MODEL)),
    "gru": (_recurrent(lambda layers: layers.GRU(8)), (*KERAS_SUFFIXES, SAVED_MODEL)),
    "bidirectional": (
        _recurrent(lambda layers: layers.Bidirectional(layers.LSTM(4))),
        (*KERAS_SUFFIXES, SAVED_MODEL),
    ),
    "conv_lstm": (_convolutional, (*KERAS_SUFFIXES, SAVED_MODEL)),
    "masked_lstm": (_masked, (".keras", SAVED_MODEL)),  # Keras itself cannot load the .h5
    "stacked_cells": (
        _recurrent(lambda layers: layers.RNN([layers.LSTMCell(8), layers.GRUCell(8)])),
        (".keras", SAVED_MODEL),
    ),
    "custom_cell": (_custom_cell, (SAVED_MODEL,)),  # a file needs the class where it is loaded
}
"""Name -> what makes a Keras model and examples, and the suffixes that it is kept under."""


def _mapped(tf: Any, x: Any, step: Any, start: Any) -> Any:
    """Example by example."""
    del start
    return tf.reduce_mean(tf.map_fn(lambda rows: tf.nn.relu(tf.matmul(rows, step)), x), 1)


def _looped(tf: Any, x: Any, step: Any, start: Any) -> Any:
    """Row by row, with constants and a conditional in the loop."""

    def turn(i: Any, state: Any) -> Any:
        state = tf.nn.relu(tf.matmul(state, step) + x[:, i] * tf.constant(0.5))
        damped = tf.cond(tf.reduce_max(state) > 4.0, lambda: tf.constant(0.5), lambda: tf.constant(1.0))
        return i + 1, state * damped

    state = tf.matmul(x[:, 0], start)
    return tf.while_loop(lambda i, _: i < STEPS, turn, [tf.constant(1), state])[1]


PLAIN: dict[str, Callable[[Any, Any, Any, Any], Any]] = {"map_fn": _mapped, "while_loop": _looped}
"""Name -> features [EXAMPLES, FEATURES] of sequences, by TensorFlow's own loops."""

NAMES = (*KERAS, *PLAIN)
FORMS = [(name, suffix) for name in NAMES for suffix in (KERAS[name][1] if name in KERAS else (SAVED_MODEL,))]
"""Every model in every form."""


def write(name: str, folder: Path) -> Written:
    """Write a model in all its forms."""
    with quiet_tensorflow():
        tf = import_tensorflow()
        tf.keras.utils.set_random_seed(3)
        return _write_keras(tf, name, folder) if name in KERAS else _write_plain(tf, name, folder)


def _write_keras(tf: Any, name: str, folder: Path) -> Written:
    make, suffixes = KERAS[name]
    model, x = make(tf.keras)
    files = {suffix: folder / f"{name}{suffix}" for suffix in suffixes}
    for suffix, file in files.items():
        if suffix == SAVED_MODEL:
            model.export(file, verbose=False)
        else:
            model.save(file)
    return Written(files, x, np.asarray(model(x, training=False)))


def _write_plain(tf: Any, name: str, folder: Path) -> Written:
    rng = np.random.default_rng(2)
    module = tf.Module()
    module.step, module.start = (tf.Variable(rng.normal(0, 0.3, (FEATURES, FEATURES)), dtype="float32") for _ in "ab")
    module.last = tf.Variable(rng.normal(0, 0.3, (FEATURES, CLASSES)), dtype="float32")

    def serve(x: Any) -> Any:
        features = PLAIN[name](tf, x, module.step, module.start)
        return {"classes": tf.nn.softmax(tf.matmul(features, module.last))}

    signature = [tf.TensorSpec([None, STEPS, FEATURES], tf.float32, "x")]
    served = tf.function(serve, input_signature=signature, autograph=False)
    tf.saved_model.save(module, str(folder / name), signatures={"serving_default": served})
    x = sequences()
    return Written({SAVED_MODEL: folder / name}, x, np.asarray(served(tf.constant(x))["classes"]))
