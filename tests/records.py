"""TFRecord files for tests, written by TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from octavo.tensorflow import import_tensorflow


def example(features: Mapping[str, Any]) -> bytes:
    """A serialized tf.train.Example: bytes, or a list of whole numbers or of others, for each feature."""
    train = import_tensorflow().train

    def feature(value: Any) -> Any:
        if isinstance(value, bytes):
            return train.Feature(bytes_list=train.BytesList(value=[value]))
        numbers = np.asarray(value).ravel()
        if numbers.dtype.kind == "f":
            return train.Feature(float_list=train.FloatList(value=numbers))
        return train.Feature(int64_list=train.Int64List(value=numbers))

    named = train.Features(feature={name: feature(value) for name, value in features.items()})
    content: bytes = train.Example(features=named).SerializeToString()
    return content


def write_records(path: Path, examples: Iterable[Mapping[str, Any]], *, compressed: bool = False) -> str:
    """Write a TFRecord file; its path as text."""
    tf = import_tensorflow()
    with tf.io.TFRecordWriter(str(path), "GZIP" if compressed else None) as writer:
        for each in examples:
            writer.write(example(each))
    return str(path)
