"""What a worker does: for each call it forks a child, which runs the call and ends.

So a call that aborts takes nothing with it, gives back all its memory, and pays for no import. Ops run on one thread
each there: some of TensorFlow's sums (a MatMul of one row) come out differently on another number of threads, which is
fixed for a process when it first runs TensorFlow.

The call's process dies with the worker, and the worker ends with its caller: it hears the end of the pipe between them,
also while a call is in hand, kills that and clears up behind it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import signal
import sys
import tempfile
import traceback
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import NamedTuple

from octavo import errors
from octavo.errors import EnvironmentFault, GraphError, OctavoError
from octavo.runtime.lifetime import adopt_orphans, fork, how_ended, reap
from octavo.tensorflow import import_tensorflow

LINGERING_SECONDS = 2.0
"""How long a dead call's own processes may take to die behind it."""

ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1"}


class WorkerDiedError(GraphError):
    """The process ended, or was ended, while it worked."""


class Call(NamedTuple):
    """What a worker is to do, in the caller's environment and folder, within some seconds.

    What it leaves in the folder `temporary`, whoever makes that clears away.
    """

    function: str
    argument: str
    environment: dict[str, str]
    folder: str
    temporary: str
    timeout: float
    one_thread: bool


class Answer(NamedTuple):
    """How a call ended: the class of the OctavoError that it raised, None where it raised none, and the message."""

    kind: str | None
    message: str


def main() -> None:
    """Be the worker at the other end of the pipe whose number the command line ends with."""
    with contextlib.suppress(OctavoError):  # the first call finds out, and has somebody to tell
        import_tensorflow()
    _serve(Connection(int(sys.argv[-1])))


def serve_and_exit(caller: Connection) -> None:
    """Be the worker of the process at the other end of a pipe, in a fork of that process."""
    status = 1
    try:
        _serve(caller)
        status = 0
    finally:
        os._exit(status)


def _serve(caller: Connection) -> None:
    """Answer calls as long as there is a caller."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller's to handle
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where a caller ignores it, nobody could wait for a child
    adopt_orphans()
    with caller, contextlib.suppress(EOFError, ConnectionError):
        while True:
            call = Call(*json.loads(caller.recv_bytes()))
            _import_once(call.function)
            caller.send_bytes(json.dumps(_answered(call, caller)).encode())


def _import_once(function: str) -> None:
    """Import what a function of octavo needs here, so that its child and all later ones find it imported."""
    if function.startswith("octavo."):
        with contextlib.suppress(Exception):  # the child fails in the same way, and is heard
            importlib.import_module(function.partition(":")[0])


def _answered(call: Call, caller: Connection) -> Answer:
    """Run a call. Raises EOFError when the caller goes meanwhile, once its temporary files have gone as well."""
    try:
        return _in_child(call, caller)
    except EOFError:
        shutil.rmtree(call.temporary, ignore_errors=True)
        raise
    except OSError as fault:
        return Answer(EnvironmentFault.__name__, f"a process cannot be started: {fault.strerror}")


def _in_child(call: Call, caller: Connection) -> Answer:
    """Run a call in a fork of this process. What it prints is kept, and told when it dies."""
    answers, answering = Pipe(duplex=False)
    with answers, tempfile.TemporaryFile(dir=call.temporary) as said:
        child = fork()
        if child == 0:
            caller.close()
            answers.close()
            os.register_at_fork(after_in_child=answering.close)  # its end is the call's, not that of the call's own
            _run_and_exit(call, said.fileno(), answering)
        answering.close()
        ready = wait([answers, caller], call.timeout)
        if answers not in ready:
            os.kill(child, signal.SIGKILL)
        text = _heard(answers)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        reap(0.0 if text else LINGERING_SECONDS)
        if caller in ready:
            raise EOFError
        if text:
            return Answer(*json.loads(text))
        said.seek(0)
        how = how_ended(status) if ready else f"was not done within {call.timeout:g} s and was stopped"
        return Answer(WorkerDiedError.__name__, f"the process {how}: {_last_words(said.read())}")


def _heard(answers: Connection) -> bytes:
    """What a child says before it ends; empty where it says nothing, or not all of it."""
    try:
        return answers.recv_bytes()
    except (EOFError, OSError):
        return b""


def _run_and_exit(call: Call, said: int, answering: Connection) -> None:
    status = 1
    try:
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        answering.send_bytes(json.dumps(_answer(call)).encode())
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


def _answer(call: Call) -> Answer:
    os.environ.clear()
    os.environ.update(call.environment | (ONE_THREAD if call.one_thread else {}) | {"TMPDIR": call.temporary})
    tempfile.tempdir = call.temporary
    os.chdir(call.folder)
    sys.path[:0] = [path for path in call.environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    module, _, name = call.function.partition(":")
    try:
        getattr(importlib.import_module(module), name)(call.argument)
    except OctavoError as fault:
        return Answer(_kind(fault), str(fault))
    return Answer(None, "")


def _kind(fault: OctavoError) -> str:
    """The nearest class of the error tree."""
    return next(kind.__name__ for kind in type(fault).__mro__ if kind.__module__ == errors.__name__)


def _last_words(said: bytes) -> str:
    lines = [line for line in said.decode(errors="replace").splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"
