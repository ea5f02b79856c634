"""Quantize with Neural Compressor's static INT8. Runs in its environment: no octavo, no click."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from neural_compressor.tensorflow import Model, StaticQuantConfig, quantize_model

BATCH = 10
"""Images a calibration step: faster than one by one, and its ranges are the same."""


class Batches:
    """The calibration images as Neural Compressor takes them."""

    batch_size = BATCH

    def __init__(self, images: Any) -> None:
        self.images = images

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        for start in range(0, len(self.images), BATCH):
            yield self.images[start : start + BATCH], np.zeros(BATCH)


def main() -> None:
    """Write the INT8 graph."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--granularity", required=True)
    parser.add_argument("--output", required=True)
    given = parser.parse_args()
    ends = json.loads((given.folder / "ends.json").read_text())
    images = np.load(given.folder / "calibration.npy", mmap_mode="r")
    model = Model(str(given.folder / "frozen.pb"))
    model.input_tensor_names = [ends["input"]]
    model.output_tensor_names = [ends["output"]]
    config = StaticQuantConfig(weight_granularity=given.granularity)
    quantized = quantize_model(model, config, Batches(images), calib_iteration=len(images) // BATCH)
    quantized.save(given.output)


if __name__ == "__main__":
    main()
