"""The lines of Intel's integration script, with each model's flags, on a small net that has what the models have.

The script asserts that each step's file is there, and nothing of the numbers; here the last graph is compared with the
float one, and has INT8 kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphs import build, run
from octavo.cli import main
from octavo.graph import Graph, load_graph, save_graph

X = np.abs(np.random.default_rng(1).normal(size=(2, 8, 8, 4))).astype(np.float32)

DETECTION = "strip_unused_nodes remove_nodes(op=Identity, op=CheckNumerics) fold_constants(ignore_errors=true) \
fold_batch_norms fold_old_batch_norms"
FUSE = "fuse_quantized_conv_and_requantize strip_unused_nodes"


@dataclass(frozen=True)
class Model:
    """What the script gives a model beside the common lines."""

    prepare: str = ""
    flags: str = ""
    last: tuple[str, ...] = (FUSE,)


MODELS = {
    "faster_rcnn": Model(DETECTION, "--model_name=FasterRCNN"),
    "inceptionv3": Model(flags="--excluded_ops=MaxPool,AvgPool,ConcatV2", last=(FUSE, "rerange_quantized_concat")),
    "inceptionv4": Model(last=(FUSE, "rerange_quantized_concat")),
    "inception_resnet_v2": Model(
        flags="--excluded_ops=MaxPool,AvgPool,ConcatV2", last=("rerange_quantized_concat", FUSE)
    ),
    "rfcn": Model(
        "remove_nodes(op=Identity, op=CheckNumerics) fold_constants(ignore_errors=true)",
        "--excluded_ops=ConcatV2 --model_name=R-FCN",
    ),
    "resnet101, resnet50, ssd_resnet34": Model(),
    "resnet50v1_5": Model(
        "strip_unused_nodes remove_nodes(op=Identity, op=CheckNumerics) fold_batch_norms fold_old_batch_norms",
        "--per_channel=True",
    ),
    "ssd_vgg16": Model(flags="--excluded_ops=ConcatV2"),
    "ssd_mobilenet": Model(DETECTION),
}


def weights(*shape: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32) / np.float32(np.sqrt(np.prod(shape[:-1])))


def net(tf: Any, x: Any) -> Any:
    """A padded conv with a norm, two branches and pools that are joined, and a residual sum."""
    y = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
    y = tf.nn.conv2d(y, weights(3, 3, 4, 8, seed=2), 1, "VALID")
    norm = [np.full(8, n, np.float32) for n in (1.5, 0.1, 0.2, 0.5)]
    y = tf.nn.relu(tf.compat.v1.nn.fused_batch_norm(y, *norm, is_training=False)[0])
    a = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(y, weights(1, 1, 8, 8, seed=3), 1, "SAME")), 3, 1, "SAME")
    b = tf.nn.avg_pool2d(tf.nn.relu(tf.nn.conv2d(y, weights(3, 3, 8, 8, seed=4), 1, "SAME")), 3, 1, "SAME")
    z = tf.nn.conv2d(tf.identity(tf.concat([a, b], 3)), weights(1, 1, 16, 8, seed=5), 1, "SAME")
    return tf.nn.relu(tf.nn.bias_add(z, weights(1, 8, seed=6)[0]) + y)


@pytest.fixture(scope="module")
def floats() -> Graph:
    return build(net, (None, 8, 8, 4))


def octavo(*args: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(list(args))
    assert ended.value.code == 0


def transform(source: Path, target: Path, transforms: str) -> Path:
    ends = ("--inputs=x", "--outputs=out", f"--transforms={transforms}")
    octavo("transform_graph", f"--in_graph={source}", f"--out_graph={target}", *ends)
    assert target.exists()
    return target


@pytest.mark.int8
@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_each_models_lines_end_in_an_int8_graph_near_the_float_one(
    model: Model, floats: Graph, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "fp32.pb"
    save_graph(floats, source)
    if model.prepare:
        source = transform(source, tmp_path / "optimized.pb", model.prepare)
    dynamic = tmp_path / "dynamic.pb"
    flags = "--output_node_names=out --mode=eightbit --intel_cpu_eightbitize=True"
    octavo("quantize_graph", f"--input={source}", f"--output={dynamic}", *flags.split(), *model.flags.split())
    padded = transform(dynamic, tmp_path / "padded.pb", "mkl_fuse_pad_and_conv")
    logging = 'insert_logging(op=RequantizationRange, show_name=true, message="__requant_min_max:")'
    logged = load_graph(transform(padded, tmp_path / "logged.pb", logging)).with_ends(["x"], ["out"])
    capfd.readouterr()
    run(logged, X)
    (tmp_path / "log.txt").write_text(capfd.readouterr().err)
    freeze = f'freeze_requantization_ranges(min_max_log_file="{tmp_path / "log.txt"}")'
    last = transform(padded, tmp_path / "frozen.pb", freeze)
    for number, transforms in enumerate(model.last):
        last = transform(last, tmp_path / f"last{number}.pb", transforms)
    int8 = load_graph(last).with_ends(["x"], ["out"])
    kernels = [n.op for n in int8.nodes.values() if "QuantizedConv2D" in n.op or "QuantizedMatMul" in n.op]
    assert len(kernels) == 4
    exact = run(floats, X)[0]
    assert np.sqrt(np.mean(exact**2) / np.mean((run(int8, X)[0] - exact) ** 2)) > 25
