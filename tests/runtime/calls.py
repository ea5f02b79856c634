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


def sleep(_: str) -> None:
    """Hang."""
    time.sleep(60)
