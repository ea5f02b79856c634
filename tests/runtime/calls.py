"""What the tests have a worker do."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import time
from functools import partial
from pathlib import Path

from octavo.errors import CalibrationError
from octavo.runtime.forks import run_forked


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
    from octavo.tensorflow import import_tensorflow

    tf = import_tensorflow()
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        Path(path).write_text(str(session.run(tf.constant(2.0) * 3.0)))


def sleep(_: str) -> None:
    """Hang."""
    time.sleep(60)


def hold(folder: str) -> None:
    """Have two tasks in forks of this process leave a temporary file and their number, and hang."""
    run_forked([partial(_hang, folder), partial(_hang, folder)], at_once=2)


def _hang(folder: str) -> None:
    tempfile.mkdtemp(prefix="of-a-task-")
    (Path(folder) / f"{os.getpid()}.task").touch()
    time.sleep(600)


def repeat(request: str) -> None:
    """Write a word into a file, later."""
    word, seconds, path = json.loads(request)
    time.sleep(seconds)
    Path(path).write_text(word)


def litter(path: str) -> None:
    """Leave a temporary file, say where, and die."""
    Path(path).write_text(tempfile.mkdtemp())
    os.kill(os.getpid(), signal.SIGKILL)


def descriptors(path: str) -> None:
    """Write which pipes and sockets this process holds, and then a task in a fork of it."""
    run_forked([partial(_write_descriptors, f"{path}.task")], at_once=1)
    _write_descriptors(f"{path}.call")


def _write_descriptors(path: str) -> None:
    found = []
    for number in range(256):
        with contextlib.suppress(OSError):
            found.append(str(Path(f"/proc/self/fd/{number}").readlink()))
    Path(path).write_text(json.dumps([each for each in found if each.startswith(("pipe:", "socket:"))]))
