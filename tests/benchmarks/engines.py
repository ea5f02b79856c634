"""The engines that are compared: how each quantizes, and what runs its graphs."""

from __future__ import annotations

import os
from dataclasses import dataclass

PARTS = str(len(os.sched_getaffinity(0)))
"""Of a batch that `split_batch` cuts: one for each core."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One row of the tables.

    Args:
        name: what the tables call it.
        environment: the environment that quantizes; a key of `environments.REQUIREMENTS`, or "octavo".
        quantizer: the program that quantizes; None for FP32.
        options: further arguments of that program.
        run_options: further arguments of the program that runs the graph.
        suffix: the quantized graph's file suffix.
        runner: the program that runs the graph.
        run_in: the environment that runs the graph.
    """

    name: str
    environment: str = "octavo"
    quantizer: str | None = None
    options: tuple[str, ...] = ()
    run_options: tuple[str, ...] = ()
    suffix: str = ".pb"
    runner: str = "run_tensorflow.py"
    run_in: str = "octavo"


ENGINES = {
    "tensorflow": Engine(name="TensorFlow FP32"),
    "octavo": Engine(name="octavo INT8", quantizer="quantize_with_octavo.py"),
    "octavo-parts": Engine(
        name=f"octavo INT8, batch in {PARTS} parts",
        quantizer="quantize_with_octavo.py",
        options=("--parts", PARTS),
        run_options=("--parts", PARTS),
    ),
    "inc": Engine(
        name="Neural Compressor INT8",
        environment="neural-compressor",
        quantizer="quantize_with_neural_compressor.py",
        options=("--granularity", "per_tensor"),
    ),
    "inc-per-channel": Engine(
        name="Neural Compressor INT8, per channel",
        environment="neural-compressor",
        quantizer="quantize_with_neural_compressor.py",
        options=("--granularity", "per_channel"),
    ),
    "openvino": Engine(name="OpenVINO FP32", runner="run_openvino.py", run_in="openvino"),
    "nncf": Engine(
        name="OpenVINO INT8 (NNCF)",
        environment="openvino",
        quantizer="quantize_with_nncf.py",
        suffix=".xml",
        runner="run_openvino.py",
        run_in="openvino",
    ),
}
"""Graphs of the first five run in octavo's own TensorFlow."""
