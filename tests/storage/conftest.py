"""One store at a time, and servers that fail in known ways."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

import pytest

from proxy import CuttingProxy, Proxied
from servers import ENDPOINTS, SCHEMES, StorageServer, free_ports
from stub import Answer, StubServer

Place = Callable[[str], str]
"""From a name to a URI in an empty folder."""

_folders = count(1)


@pytest.fixture
def s3_place(s3_server: StorageServer, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty folder of the S3 server, found through the environment."""
    s3_server.use(monkeypatch)
    folder = f"own/{next(_folders)}"
    return lambda name: s3_server.uri(f"{folder}/{name}")


@pytest.fixture
def gcs_place(gcs_server: StorageServer, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty folder of the GCS server, found through the environment."""
    gcs_server.use(monkeypatch)
    folder = f"own/{next(_folders)}"
    return lambda name: gcs_server.uri(f"{folder}/{name}")


@pytest.fixture
def cutting_proxy() -> Iterator[Callable[[str], CuttingProxy]]:
    """Makes proxies in front of a server; they are closed after the test."""
    proxies: list[CuttingProxy] = []

    def make(endpoint: str) -> CuttingProxy:
        proxies.append(CuttingProxy(endpoint))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


@pytest.fixture
def stub() -> Iterator[Callable[..., StubServer]]:
    """Makes stub servers; they are closed after the test."""
    stubs: list[StubServer] = []

    def make(*answers: Answer) -> StubServer:
        stubs.append(StubServer(*answers))
        return stubs[-1]

    yield make
    for one in stubs:
        one.close()


@pytest.fixture
def dead_endpoint() -> str:
    """An address at which nothing listens."""
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture(params=SCHEMES)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> StorageServer:
    """The S3 server and the GCS server in turn, found through the environment."""
    one: StorageServer = request.getfixturevalue("gcs_server" if request.param == "gs" else "s3_server")
    one.use(monkeypatch)
    return replace(one, scheme=request.param)


@pytest.fixture
def proxied(
    server: StorageServer, cutting_proxy: Callable[[str], CuttingProxy], monkeypatch: pytest.MonkeyPatch
) -> Proxied:
    """Puts a proxy in front of the server."""

    def make() -> CuttingProxy:
        proxy = cutting_proxy(server.endpoint)
        monkeypatch.setenv(ENDPOINTS[server.scheme], proxy.endpoint)
        return proxy

    return make
