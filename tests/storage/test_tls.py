"""TLS with a private authority, in front of the real servers."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certificates import private_authority
from octavo.errors import StorageError
from octavo.storage import list_objects, open_store, read_bytes
from proxy import CuttingProxy
from servers import StorageServer

ENDPOINTS = {"s3": "S3_ENDPOINT", "gs": "STORAGE_EMULATOR_HOST"}
BUNDLES = [("s3", "AWS_CA_BUNDLE"), ("s3", "SSL_CERT_FILE"), ("gs", "REQUESTS_CA_BUNDLE"), ("gs", "SSL_CERT_FILE")]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return private_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def secured(
    request: pytest.FixtureRequest,
    authority: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[str], StorageServer]]:
    """The server of a scheme behind TLS."""
    proxies: list[CuttingProxy] = []
    for variable in ("CURL_CA_BUNDLE", *(name for _, name in BUNDLES)):
        monkeypatch.delenv(variable, raising=False)

    def make(scheme: str) -> StorageServer:
        server: StorageServer = request.getfixturevalue("gcs_server" if scheme == "gs" else "s3_server")
        server.use(monkeypatch)
        proxies.append(CuttingProxy(server.endpoint, authority[1]))
        monkeypatch.setenv(ENDPOINTS[scheme], proxies[-1].endpoint)
        return replace(server, endpoint=proxies[-1].endpoint)

    yield make
    for proxy in proxies:
        proxy.close()


@pytest.mark.servers
@pytest.mark.parametrize(("scheme", "variable"), BUNDLES)
def test_a_private_authority_is_trusted_when_its_file_is_named(
    secured: Callable[[str], StorageServer],
    scheme: str,
    variable: str,
    authority: tuple[Path, ssl.SSLContext],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = secured(scheme)
    monkeypatch.setenv(variable, str(authority[0]))
    uri = server.uri(f"tls/{variable}/a.bin")
    store, key = open_store(uri)
    store.write(key, bytes(range(256)) * 100)
    assert read_bytes(uri) == bytes(range(256)) * 100
    assert [entry.name for entry in list_objects(server.uri(f"tls/{variable}"))] == ["a.bin"]


@pytest.mark.servers
@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_private_authority_that_nobody_named_is_not_trusted(
    secured: Callable[[str], StorageServer], scheme: str
) -> None:
    server = secured(scheme)
    with pytest.raises(StorageError, match=r"certificate.*; name the authority's file in (AWS_CA|REQUESTS_CA)_BUNDLE"):
        read_bytes(server.uri("a"))


def test_an_authority_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(StorageError, match=r"there is no file of certificates '/nowhere\.pem'"):
        read_bytes("s3://bucket/key")
