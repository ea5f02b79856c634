"""Answers over bad lines: a body in pieces, as they arrive; one that only trickles, and headers that break off."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from urllib3.exceptions import ReadTimeoutError

PIECE_BYTES = 1 << 20
"""How much of a download is in memory."""

GRACE_SECONDS = 20.0
"""How long a body may be as slow as it likes."""

SLOWEST_BYTES = 16 << 10
"""Bytes a second that must have come on average after that."""


def pieces(answer: Any, *, decode: bool = False) -> Iterator[bytes]:
    """What is in a urllib3 response; `decode` undoes its Content-Encoding.

    Raises:
        ReadTimeoutError: when the body comes slower than `SLOWEST_BYTES` a second, or not at all for the socket's
            own time-out.
    """
    start = time.monotonic()
    passed = 0
    while piece := answer.read1(PIECE_BYTES, decode_content=decode):
        yield piece
        passed += len(piece)
        seconds = time.monotonic() - start
        if seconds > GRACE_SECONDS and passed < (seconds - GRACE_SECONDS) * SLOWEST_BYTES:
            raise ReadTimeoutError(None, "", f"{passed} bytes in {seconds:.0f} s")  # type: ignore[arg-type]  # no pool


def ends_in_its_headers(status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer does not say how long it is, as every store's does: then its headers are not all there."""
    told = {name.lower() for name in headers}
    return status != HTTPStatus.NO_CONTENT and not told & {"content-length", "transfer-encoding"}
