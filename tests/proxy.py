"""A TCP proxy that can cut its connections: what a real server looks like over a bad network."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from urllib.parse import urlsplit


class CuttingProxy:
    """Passes bytes between a client and a server until told to cut.

    Attributes:
        endpoint: http://host:port of the proxy.
        to_server: how many bytes a connection may send to the server before it is cut; None is no limit.
        to_client: the same for bytes from the server.
        most_cuts: how many connections may be cut; the next ones work.
        pause_seconds: how long it waits after each piece (of at most 64 KiB) that it passes on.
        cuts: how many connections were cut.
    """

    def __init__(self, endpoint: str) -> None:
        url = urlsplit(endpoint)
        self._server = (url.hostname or "", url.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.to_server: int | None = None
        self.to_client: int | None = None
        self.most_cuts = 1_000_000
        self.pause_seconds = 0.0
        self.cuts = 0
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Stop listening, close every connection and wait for the threads."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        for one in self._sockets:
            _shut(one)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(self._server)
            self._sockets += [client, server]
            for source, sink, limit in ((client, server, self.to_server), (server, client, self.to_client)):
                thread = threading.Thread(target=self._pass, args=(source, sink, limit), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if limit is not None and passed + len(data) > limit and self.cuts < self.most_cuts:
                    sink.sendall(data[: limit - passed])
                    self.cuts += 1
                    break
                sink.sendall(data)
                passed += len(data)
                time.sleep(self.pause_seconds)
        _shut(source)
        _shut(sink)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
