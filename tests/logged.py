"""Small dynamic-range graphs with Print nodes behind their ranges, for tests of calibration."""

from __future__ import annotations

from typing import Any

import numpy as np

from octavo.graph import Graph, const_node, const_value, from_def
from octavo.tensorflow import import_tensorflow

INPUT_RANGE = "conv1_eightbit_requant_range_image"
CORRECTION = "eightbit_bias_correction/conv1"
NODES = (INPUT_RANGE, "conv1_eightbit_requant_range", "conv2_eightbit_requant_range")


def measured(tf: Any, tensor: Any, name: str, *, tag: str = "") -> tuple[Any, Any]:
    """Add the nodes that measure and print a tensor's range; its two ends."""
    stem = f"{name}_eightbit"
    flat = tf.reshape(tensor, [-1], name=f"{stem}_reshape{tag}")
    low = tf.reduce_min(flat, name=f"{stem}_min{tag}")
    high = tf.reduce_max(flat, name=f"{stem}_max{tag}")
    wide = tf.raw_ops.QuantizeV2(
        input=tensor, min_range=low, max_range=high, T=tf.qint32, mode="MIN_FIRST", name=f"{stem}_quantize_range{tag}"
    )
    span = tf.raw_ops.RequantizationRange(
        input=wide.output,
        input_min=wide.output_min,
        input_max=wide.output_max,
        name=f"{stem}_requant_range{tag}",
    )
    printed = tf.raw_ops.Print(
        input=span.output_min,
        data=[span.output_min, span.output_max],
        message=f";{stem}_requant_range{tag}__print__;__requant_min_max:",
        summarize=1024,
        name=f"{stem}_requant_range{tag}__print__",
    )
    return printed, span.output_max


def rounded(tf: Any, tensor: Any, low: Any, high: Any, name: str) -> Any:
    """Add the pair of QuantizeV2 and Dequantize that rounds a tensor to 255 steps."""
    codes = tf.raw_ops.QuantizeV2(
        input=tensor,
        min_range=low,
        max_range=high,
        T=tf.qint8,
        mode="SCALED",
        narrow_range=True,
        round_mode="HALF_TO_EVEN",
        name=f"{name}_eightbit_requantize",
    )
    return tf.raw_ops.Dequantize(
        input=codes.output,
        min_range=codes.output_min,
        max_range=codes.output_max,
        mode="SCALED",
        narrow_range=True,
        name=name,
    )


def corrected(tf: Any, tensor: Any) -> Any:
    """Add a correction for each channel, and its Print, as behind a conv whose weights were rounded."""
    correction = tf.reduce_mean(tensor, axis=[0, 1, 2], name=CORRECTION)
    message = f";{CORRECTION}__print__;__bias_correction:"
    return tensor + tf.raw_ops.Print(input=correction, data=[correction], message=message, summarize=-1)


def logged_graph(
    *,
    corrections: bool = False,
    pairs: bool = True,
    batch: int | None = None,
    channels: int = 3,
    size: int | None = 6,
    seed: int = 0,
) -> Graph:
    """Two convs, quantized weights, and a printed range for the input and for each conv's output.

    Args:
        corrections: add a printed bias correction behind the first conv.
        pairs: round the activations, as a dynamic-range graph does.
        batch: the batch that the placeholder fixes, or None.
        channels: of the image.
        size: of the image.
        seed: of the weights.
    """
    tf = import_tensorflow()
    rng = np.random.default_rng(seed)
    made = tf.Graph()
    with made.as_default():
        image = tf.compat.v1.placeholder(tf.float32, [batch, size, size, channels], name="image")
        x: Any = image
        low, high = measured(tf, x, "conv1", tag="_image")
        lows = [low]
        x = rounded(tf, x, low, high, "image_codes") if pairs else x
        for name, width in (("conv1", 4), ("conv2", 5)):
            codes = rng.integers(-127, 128, (3, 3, channels if name == "conv1" else 4, width)).astype(np.int8)
            weights = tf.raw_ops.Dequantize(
                input=tf.bitcast(tf.constant(codes), tf.qint8),
                min_range=-0.5,
                max_range=0.5,
                mode="SCALED",
                narrow_range=True,
                name=f"{name}_weights",
            )
            x = tf.nn.bias_add(tf.nn.conv2d(x, weights, 1, "SAME"), tf.constant(rng.normal(size=width), tf.float32))
            x = corrected(tf, x) if corrections and name == "conv1" else x
            x = tf.nn.relu(x) if name == "conv1" else x
            low, high = measured(tf, x, name)
            lows.append(low)
            x = rounded(tf, x, low, high, name) if pairs else x
        tf.identity_n([x, *lows], name="out")
    graph = from_def(made.as_graph_def())
    codes_of = {
        node.name: const_value(graph.producer(node.inputs[0])) for node in graph.nodes.values() if node.op == "Bitcast"
    }
    nodes = [const_node(n.name, codes_of[n.name], "qint8") if n.op == "Bitcast" else n for n in graph.nodes.values()]
    return graph.with_nodes(nodes).with_ends(("image",), ("out", "out:1", "out:2", "out:3")).without_dead_nodes()
