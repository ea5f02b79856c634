"""TensorFlow, imported once and quiet."""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from octavo.errors import EnvironmentFault

LEGACY_KERAS = "TF_USE_LEGACY_KERAS"
"""The variable that keeps TensorFlow from importing Keras 3 while it is itself imported."""

CALLER_THREAD = "TF_ONEDNN_THREADPOOL_USE_CALLER_THREAD"
"""The variable that, at "1" before the first op runs, lets the thread that starts a kernel do a part of it itself."""

HEADINGS = ("Graph execution error", "Detected at", "Original stack", "Node:")
"""How the lines of TensorFlow's messages begin that say nothing by themselves."""


def import_tensorflow() -> Any:
    """The tensorflow module; the first call imports it without its start-up notices and without Keras.

    Raises:
        EnvironmentFault: when TensorFlow is not installed.
    """
    if "tensorflow" not in sys.modules:
        if find_spec("tensorflow") is None:
            raise EnvironmentFault(
                "TensorFlow is not installed here, and this needs it: use the image without '-light' in its tag, "
                "or install octavo with its dependencies"
            )
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with warnings.catch_warnings(), _held_back_notices(), _keras_on_demand(), _without_collections():
            warnings.simplefilter("ignore")
            import tensorflow
    import tensorflow

    return tensorflow


@contextmanager
def _keras_on_demand() -> Iterator[None]:
    """Spare the import of Keras 3, a third of TensorFlow's own: `tf.keras` imports it when it is first used."""
    if LEGACY_KERAS in os.environ:
        yield
        return
    os.environ[LEGACY_KERAS] = "1"
    try:
        yield
    finally:
        del os.environ[LEGACY_KERAS]


@contextmanager
def _without_collections() -> Iterator[None]:
    """Spare Python's garbage collector the hundreds of thousands of objects that are made here and stay.

    They are no candidates later on either: forks then do not copy the pages that they are on.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


@contextmanager
def _held_back_notices() -> Iterator[None]:
    """Keep what native code writes to standard error, and show it only when the block fails."""
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(shown, held.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)


@contextmanager
def quiet_tensorflow() -> Iterator[None]:
    """Keep TensorFlow from warning, in the log or as Python warnings, that it uses functions it calls deprecated."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def first_line(fault: Exception, most: int = 300) -> str:
    """The line of a message that says what is wrong, cut to `most` letters; not a heading of TensorFlow's."""
    text = str(getattr(fault, "message", None) or fault)
    lines = (line.strip() for line in text.splitlines())
    return next((line[:most] for line in lines if line and not line.startswith(HEADINGS)), type(fault).__name__)
