"""A command in a child of the process that was started, which sees to the command's end.

Whatever the command is at, in Python or not, it ends soon after the signal that asks it to; every process that it
started ends with it; what it left in the folder for temporary files goes; and where it is killed, as the kernel does
when memory runs out, that is said. As the first process of a container, the parent does an init's work.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from types import FrameType

from octavo.runtime.lifetime import STOPPING, adopt_orphans, fork, how_ended, reap

GRACE_SECONDS = 5
"""How long a command may take to close what is open, once a signal has asked it to end."""

LINGERING_SECONDS = 2.0
"""How long the processes that it started may take to die behind it."""

OWN_LINE = "\x1b[?25h\r\x1b[2K"
"""What shows a terminal's cursor again, and clears the line of a spinner that was broken off."""


def supervise(*, grace: int = GRACE_SECONDS) -> None:
    """Go on in a child of this process. The process itself waits for the child, and leaves with its exit status.

    A signal that asks it to end is passed on, and leaves the status that shells give it, 128 and its number: 143 for
    SIGTERM, 130 for SIGINT. To be called before anything else: in the main thread, without other threads.

    Args:
        grace: seconds until the child is killed that was asked to end; 0 to kill it at once.
    """
    stopping = [number for number in STOPPING if signal.getsignal(number) is not signal.SIG_IGN]
    signal.signal(signal.SIGCHLD, lambda *_: None)  # what is ignored, macOS does not keep for sigwait
    signal.pthread_sigmask(signal.SIG_BLOCK, {*stopping, signal.SIGCHLD, signal.SIGALRM})
    adopt_orphans()
    folder = _temporary_folder()
    child = fork()
    if child:
        status, stopped = _wait(child, stopping, grace)
        reap(LINGERING_SECONDS)
        sys.exit(_leave(status, stopped, folder))
    if folder:
        os.environ["TMPDIR"] = tempfile.tempdir = folder
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in stopping:
        signal.signal(number, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*stopping, signal.SIGCHLD, signal.SIGALRM})


def _temporary_folder() -> str | None:
    """A folder for the child's temporary files; None where none can be made, which only matters to who needs one."""
    try:
        return tempfile.mkdtemp(prefix="octavo-")
    except OSError:
        return None


def _stop(number: int, _: FrameType | None) -> None:
    """Leave as sys.exit does, so that what is open is closed; further signals do not disturb that.

    An import that is broken off so may end in an exception of its own, which says nothing to anybody.
    """
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)
    sys.excepthook = lambda *_: os._exit(128 + number)
    sys.unraisablehook = lambda _: None
    sys.exit(128 + number)


def _wait(child: int, stopping: Collection[int], grace: int) -> tuple[int, int | None]:
    """The child's status, and the signal that was passed on to it."""
    stopped = None
    while True:
        number = signal.sigwait({*stopping, signal.SIGCHLD, signal.SIGALRM})
        if number == signal.SIGCHLD:
            status = _ended(child)
            if status is not None:
                return status, stopped
        elif number == signal.SIGALRM:
            os.kill(child, signal.SIGKILL)
        elif stopped is None:
            stopped = number
            os.kill(child, number if grace else signal.SIGKILL)
            signal.alarm(grace)


def _ended(child: int) -> int | None:
    """The child's status when it has ended; what has ended besides is let go of."""
    while True:
        process, status = os.waitpid(-1, os.WNOHANG)
        if process == child:
            return os.waitstatus_to_exitcode(status)
        if not process:
            return None


def _leave(status: int, stopped: int | None, folder: str | None) -> int:
    """Clear up and say what the child could not; returns the exit status."""
    if stopped is None and status - 128 in STOPPING:
        stopped = status - 128
    if status == 0 or (stopped is None and status > 0):
        if folder:
            with contextlib.suppress(OSError):  # what a command leaves there when it ends by itself, it means to
                Path(folder).rmdir()
        return status
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    if stopped is None:
        _say(f"octavo: error: the process {how_ended(status)}")
        return 128 - status
    _say(f"octavo: stopped by {signal.Signals(stopped).name}")
    return 128 + stopped


def _say(sentence: str) -> None:
    with contextlib.suppress(OSError):  # a terminal may have gone
        sys.stderr.write(f"{OWN_LINE if sys.stderr.isatty() else ''}{sentence}\n")
        sys.stderr.flush()
