"""An HTTP server that gives the answers a test wants and real test servers do not give."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One answer of the stub."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class StubServer:
    """Gives its answers in turn, the last one for ever.

    Attributes:
        endpoint: http://host:port.
        asked: method and path of each request so far.
    """

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[str] = []
        left = list(answers)

        class Handler(BaseHTTPRequestHandler):
            def do(handler) -> None:  # noqa: N805  # `self` is the stub
                handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
                self.asked.append(f"{handler.command} {handler.path}")
                answer = left.pop(0) if len(left) > 1 else left[0]
                handler.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    handler.send_header(name, value)
                handler.end_headers()
                if handler.command != "HEAD":
                    handler.wfile.write(answer.body)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do  # noqa: N815  # http.server's names

            def log_message(handler, format: str, *args: Any) -> None:  # noqa: A002, N805
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
