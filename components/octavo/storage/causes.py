"""What is behind the exceptions of the stores' clients, which wrap one another several times over."""

from __future__ import annotations

import socket
from typing import Any

BUSY = (408, 429, 500, 502, 503, 504)
"""The HTTP statuses of a store, or of what stands before it, that cannot now."""


def innermost(fault: BaseException) -> BaseException:
    """What happened to the connection: mostly the operating system's own error."""
    while (inner := _inner(fault)) is not None:
        fault = inner
    return fault


def in_a_word(fault: BaseException) -> str:
    """The system's words for the innermost cause, or its class."""
    cause = innermost(fault)
    return str(getattr(cause, "strerror", None) or type(cause).__name__)


def name_is_unknown(fault: BaseException) -> bool:
    """Whether a name server answered that there is no such host."""
    cause = innermost(fault)
    return isinstance(cause, socket.gaierror) and cause.errno in (socket.EAI_NONAME, socket.EAI_NODATA)


def _inner(fault: Any) -> BaseException | None:
    candidates = getattr(fault, "reason", None), *fault.args, fault.__cause__
    return next((each for each in candidates if isinstance(each, BaseException)), None)
