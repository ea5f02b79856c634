"""What the tests have a worker do."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from octavo.errors import CalibrationError


class NarrowError(CalibrationError):
    """A fault of a class that the error tree does not list."""


def tell(path: str) -> None:
    """Print, and write what this process knows of its surroundings."""
    print("noise on standard output")
    Path(path).write_text(
        "\n".join([os.environ.get("TOLD", ""), str(Path.cwd()), os.environ["TF_NUM_INTRAOP_THREADS"]])
    )


def fail(message: str) -> None:
    """Raise."""
    raise NarrowError(message)


def die(words: str) -> None:
    """Abort, as a wrong attribute makes TensorFlow do."""
    os.write(2, words.encode())
    os.kill(os.getpid(), signal.SIGABRT)


def stumble(_: str) -> None:
    """Fail by a mistake in the program."""
    _ = str(1 // 0)


def multiply(path: str) -> None:
    """Run TensorFlow."""
    from octavo.runtime.tensorflow import import_tensorflow

    tf = import_tensorflow()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        Path(path).write_text(str(session.run(tf.constant(2.0) * 3.0)))


def sleep(_: str) -> None:
    """Hang."""
    time.sleep(60)
