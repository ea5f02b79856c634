"""TensorFlow, imported once and quiet."""

from __future__ import annotations

import os
import warnings
from typing import Any


def import_tensorflow() -> Any:
    """The tensorflow module, with its start-up notices turned off unless the user asked for them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf
    return tf
