"""Image files and data sets for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from octavo.tensorflow import import_tensorflow

Pixels = npt.NDArray[np.uint8]


def noise(height: int = 8, width: int = 8, channels: int = 3, *, seed: int = 0) -> Pixels:
    """A random image."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def encoded(pixels: Pixels, ending: str = ".png") -> bytes:
    """An image file's bytes."""
    tf = import_tensorflow()
    encode = tf.io.encode_jpeg if ending.lower() in (".jpg", ".jpeg") else tf.io.encode_png
    content: bytes = encode(pixels).numpy()
    return content


def write_images(folder: Path, images: Mapping[str, Pixels]) -> Path:
    """Write image files, by name; the ending says which kind."""
    for name, pixels in images.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(pixels, path.suffix))
    return folder


def write_labels(folder: Path, labels: Mapping[str, int]) -> Path:
    """Write labels.csv."""
    lines = ["filename,label", *(f"{name},{label}" for name, label in labels.items())]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def write_arrays(path: Path, **arrays: Any) -> str:
    """Write an .npz file; its path as text."""
    np.savez_compressed(path, **arrays)
    return str(path)
