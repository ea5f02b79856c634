"""A TCP proxy that cuts, refuses, delays and damages: what a real server looks like over a bad network."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

RESET_AT_ONCE = struct.pack("ii", 1, 0)
"""The SO_LINGER that makes closing a socket a reset."""

METHODS = (b"GET ", b"HEAD ", b"PUT ", b"POST ", b"DELETE ")

BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class CuttingProxy:
    """Passes bytes between a client and a server until told to cut.

    Attributes:
        endpoint: http://host:port of the proxy.
        to_server: how many bytes a connection may send to the server before it is cut; None is no limit.
        to_client: the same for bytes from the server.
        most_cuts: how many connections may be cut; the next ones work.
        resets: whether a cut is a reset, instead of an orderly end.
        refusals: how many of the next requests are answered 503, and nothing else.
        spared: how many requests are passed on before those.
        damaged_byte: the byte from the client, counted over a connection, of which a bit is flipped; None for none.
        pause_seconds: how long it waits after each piece that it passes on.
        piece_bytes: how much a piece is, at most.
        cuts: how many connections were cut.
    """

    def __init__(self, endpoint: str, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        url = urlsplit(endpoint)
        self._server = (url.hostname or "", url.port or 80)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port = self._listener.getsockname()[1]
        self.endpoint = f"{'https' if tls else 'http'}://127.0.0.1:{self._port}"
        self.to_server: int | None = None
        self.to_client: int | None = None
        self.most_cuts = 1_000_000
        self.resets = False
        self.refusals = 0
        self.spared = 0
        self.damaged_byte: int | None = None
        self.pause_seconds = 0.0
        self.piece_bytes = 65536
        self.cuts = 0
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def leave(self, seconds: float) -> threading.Timer:
        """Refuse and cut every connection for a time; the timer ends when the proxy is back."""
        self._hang_up()
        timer = threading.Timer(seconds, self._come_back)
        timer.daemon = True
        timer.start()
        return timer

    def close(self) -> None:
        """Stop listening, close every connection and wait for the threads."""
        self._hang_up()
        for thread in self._threads:
            thread.join(10)
        for one in self._sockets:
            one.close()

    def _come_back(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._start(self._accept)

    def _hang_up(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            _shut(one)

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            self._sockets.append(client)
            self._start(self._serve, client)

    def _refuses(self) -> bool:
        """Whether the next request is refused."""
        if self.spared > 0 or self.refusals <= 0:
            self.spared -= 1
            return False
        self.refusals -= 1
        return True

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._tls is not None:
                client = self._tls.wrap_socket(client, server_side=True)
                self._sockets.append(client)
            server = socket.create_connection(self._server)
            self._sockets.append(server)
            self._start(self._pass, server, client, self.to_client, None)
            self._pass(client, server, self.to_server, self.damaged_byte)

    def _pass(self, source: socket.socket, sink: socket.socket, limit: int | None, damaged: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := bytearray(source.recv(self.piece_bytes)):
                if data.startswith(METHODS) and self._refuses():
                    source.sendall(BUSY)
                    break
                if damaged is not None and passed <= damaged < passed + len(data):
                    data[damaged - passed] ^= 1
                if limit is not None and passed + len(data) > limit and self.cuts < self.most_cuts:
                    sink.sendall(data[: limit - passed])
                    self.cuts += 1
                    if self.resets:
                        _reset(source, sink)
                        return
                    break
                sink.sendall(data)
                passed += len(data)
                time.sleep(self.pause_seconds)
        _shut(source)
        _shut(sink)


def _reset(*ends: socket.socket) -> None:
    """End connections as a crash does; who waits for data on them must stop first."""
    for one in ends:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_AT_ONCE)
        one.shutdown(socket.SHUT_RD)
    time.sleep(0.05)
    for one in ends:
        one.close()


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


Proxied = Callable[[], CuttingProxy]
"""Puts a proxy in front of a server."""
