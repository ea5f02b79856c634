"""Processes that end when the one that started them ends, whatever ends it.

Linux sees to it (PR_SET_PDEATHSIG). Elsewhere a thread of each fork looks every second whether its parent still runs.

Run as a program, `lifetime.py PARENT PROGRAM ARGUMENT...` becomes another program that dies with the process PARENT,
its own parent, where the kernel sees to that. It needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
"""sys/prctl.h"""

STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
"""The signals that ask a command to end."""

LOOKING_SECONDS = 1.0
WAITING_SECONDS = 0.005


def fork(*, bound: bool = True) -> int:
    """Fork this process. The child, which gets 0, handles the signals that ask it to end as the system does.

    Args:
        bound: whether the child is killed when this process ends. The kernel takes the end of the thread that forked
            for that: it must be the main thread, or one that waits for the child.
    """
    parent = os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # a handler of this process must not run in the child
    try:
        child = os.fork()
        if child == 0:
            _drop_handlers()
            if bound:
                _die_with(parent)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return child


def adopt_orphans() -> None:
    """Become the parent of what this process's descendants leave behind, where the kernel does that; see `reap`."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def reap(seconds: float = 0.0) -> None:
    """Let go of the children that have ended, adopted ones too; wait for those that have not, but so long at most."""
    end = time.monotonic() + seconds
    with contextlib.suppress(ChildProcessError):  # there are none
        while os.waitpid(-1, os.WNOHANG)[0] or time.monotonic() < end:
            time.sleep(WAITING_SECONDS)


def how_ended(status: int) -> str:
    """How a process ended, as the end of a sentence about it.

    Args:
        status: as subprocess has it: negative is the number of the signal that killed it.
    """
    if status >= 0:
        return f"ended with status {status}"
    if -status == signal.SIGKILL:
        return "was killed by SIGKILL, most likely because memory ran out"
    names = [each.name for each in signal.Signals if each == -status]
    return f"was killed by {names[0] if names else f'signal {-status}'}"


def _drop_handlers() -> None:
    """Let signals end this process that its parent handles; those that the parent ignores stay ignored."""
    for number in STOPPING:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)


def _die_with(parent: int) -> None:
    if not _prctl(PR_SET_PDEATHSIG, signal.SIGKILL):
        threading.Thread(target=_look_after, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it ended before the kernel knew
        os.kill(os.getpid(), signal.SIGKILL)


def _look_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOKING_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def _prctl(option: int, value: int) -> bool:
    """Whether the kernel did it: only Linux's can."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    return prctl is not None and prctl(option, ctypes.c_ulong(value)) == 0


if __name__ == "__main__":
    if int(sys.argv[1]) != os.getpid():  # a shell may have become this program: then it is bound already
        _die_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  it is no shell that the program's arguments need
