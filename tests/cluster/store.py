"""The object store of the cluster's tests: SeaweedFS on the host's side of the pods' bridge."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from minio.error import S3Error
from urllib3.exceptions import HTTPError

from cluster.home import ADDRESS, Home
from cluster.kube import eventually
from cluster.processes import Daemon
from servers import ONE_VOLUME_A_BUCKET, StorageServer, s3_buckets, s3_environment, weed_command

PORTS = (9333, 19333, 8080, 18080, 8888, 18888, 8333, 18333)
"""Fixed, since the store comes back under its address when it has been away; the seventh is that of S3."""

HOST = os.environ.get("CLUSTER_ADDRESS", ADDRESS)
"""An address of this machine that pods reach."""

ENDPOINT = f"http://{HOST}:{PORTS[6]}"


class Store:
    """A store that can go away and come back."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._folder = home.path / "store"
        command = tuple(weed_command(self._folder, HOST, PORTS))
        self._daemon = Daemon("weed", command, tuple(ONE_VOLUME_A_BUCKET.items()))
        self._buckets = 0

    def start(self) -> StorageServer:
        """Start it with nothing in it; the server with a first bucket."""
        self._kill()
        shutil.rmtree(self._folder)
        weed_command(self._folder, HOST, PORTS)
        self._daemon.start(self._home)
        return eventually("the object store", 60, self._server)

    def stop(self) -> None:
        """End it, and forget what it holds."""
        self._kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def away(self) -> Iterator[None]:
        """Nothing listens there while the block lasts."""
        self._kill()
        try:
            yield
        finally:
            self._daemon.start(self._home)

    def _kill(self) -> None:
        """Its orderly end takes 20 s, and it loses nothing without."""
        self._daemon.signal(self._home, signal.SIGKILL)
        self._daemon.stop(self._home)

    def _server(self) -> StorageServer | None:
        """The server with a bucket, once it makes one; a bucket that it could not fill is in the way of no other."""
        server = StorageServer("s3", ENDPOINT, s3_environment(ENDPOINT), "", s3_buckets(ENDPOINT))
        with suppress(S3Error, HTTPError):
            return server.with_fresh_bucket()
        return None
