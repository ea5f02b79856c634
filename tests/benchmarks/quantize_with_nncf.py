"""Quantize with NNCF's defaults for OpenVINO. Runs in its environment: no octavo, no click."""

from __future__ import annotations

import argparse
from pathlib import Path

import nncf
import numpy as np
import openvino as ov


def main() -> None:
    """Write the INT8 model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True, type=Path)
    parser.add_argument("--output", required=True)
    given = parser.parse_args()
    images = np.load(given.folder / "calibration.npy", mmap_mode="r")
    dataset = nncf.Dataset([images[i : i + 1] for i in range(len(images))])
    model = ov.Core().read_model(given.folder / "frozen.pb")
    quantized = nncf.quantize(model, dataset, subset_size=len(images))
    ov.save_model(quantized, given.output, compress_to_fp16=False)


if __name__ == "__main__":
    main()
