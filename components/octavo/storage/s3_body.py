"""The body of an object of an S3 store, in as many answers as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, BinaryIO

from minio.error import ServerError

from octavo.storage.checksums import Sums
from octavo.storage.pieces import pieces


class Body:
    """A download that goes on where it broke off, as long as the object is the same.

    Args:
        sink: the empty file to fill.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._etag = ""
        self._sums = Sums()

    def go_on(self, get: Callable[..., Any]) -> str | None:
        """Ask for what is missing, and take it to its end; how the whole differs from what the store says of it.

        Args:
            get: asks for the object from an offset on.
        """
        with closing_answer(get(offset=self._sink.tell())) as answer:
            if "ETag" not in answer.headers:
                raise ServerError("the page of a server that is no S3 API", answer.status)
            if self._goes_on_in(answer):
                return self._take(answer)
        self._sink.seek(0)
        return self.go_on(get)

    def _goes_on_in(self, answer: Any) -> bool:
        """Whether an answer is what is missing, of the object that the rest is of."""
        if self._sink.tell() > 0:
            return bool(answer.status == HTTPStatus.PARTIAL_CONTENT and answer.headers["ETag"] == self._etag)
        self._sink.truncate()
        self._etag, self._sums = answer.headers["ETag"], Sums()
        return True

    def _take(self, answer: Any) -> str | None:
        for piece in pieces(answer):
            self._sink.write(piece)
            self._sums.update(piece)
        return self._sums.differing(answer.headers)


@contextmanager
def closing_answer(answer: Any) -> Iterator[Any]:
    """Give the connection back, whether or not its body was read."""
    try:
        yield answer
    finally:
        answer.close()
        answer.release_conn()
