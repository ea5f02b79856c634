"""Google Cloud Storage with the identity of a workload: that of a GKE pod, and that of another cloud's."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ACCOUNT = "/computeMetadata/v1/instance/service-accounts/default/"
TOKEN = {"access_token": "one-secret", "token_type": "Bearer", "expires_in": 3600}
STS_TOKEN = {**TOKEN, "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}
IDENTITY = json.dumps({"email": "octavo@p.iam.gserviceaccount.com", "scopes": [], "aliases": ["default"]})
ANSWERS = {
    "/": "",
    "/computeMetadata/v1/project/project-id": "p",
    "/computeMetadata/v1/universe/universe-domain": "googleapis.com",
    ACCOUNT: IDENTITY,
    ACCOUNT.replace("default", "octavo@p.iam.gserviceaccount.com"): IDENTITY,
    f"{ACCOUNT}token": json.dumps(TOKEN),
    "/v1/token": json.dumps(STS_TOKEN),
}


class Google(ThreadingHTTPServer):
    """A metadata server, a token service, and a store that gives an object to whoever shows the token.

    Attributes:
        asked: the paths of the requests so far, without their queries.
        late: how many of the next requests for a token are answered 502.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.late = 0
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def address(self) -> str:
        """host:port."""
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Answers by path."""

    server: Google

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(path)
        if path.endswith("token") and self.server.late > 0:
            self.server.late -= 1
            self.send_error(502)
            return
        known = path in ANSWERS or self.headers.get("Authorization") == "Bearer one-secret"
        body = ANSWERS.get(path, "the object" if known else "").encode()
        self.send_response(200 if known else 401)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", "application/json" if body.startswith(b"{") else "application/text")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815  # http.server's name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Stay quiet."""


@pytest.fixture
def google() -> Iterator[Google]:
    with Google() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def read_object(google: Google, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Read an object in a process of its own: google.auth looks for the metadata server when it is imported."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GOOGLE_", "STORAGE_EMULATOR", "GCE_"))}
    where = {"HOME": str(folder), "CLOUDSDK_CONFIG": str(folder), "API_ENDPOINT_OVERRIDE": f"http://{google.address}"}
    code = "from octavo.storage import read_bytes; print(read_bytes('gs://bucket/key').decode())"
    return subprocess.run(
        [sys.executable, "-c", code], check=False, env={**kept, **where, **variables}, capture_output=True, text=True
    )


def test_a_pod_of_gke_reads_with_the_token_of_its_service_account(google: Google, tmp_path: Path) -> None:
    done = read_object(google, tmp_path, GCE_METADATA_HOST=google.address, GCE_METADATA_IP=google.address)
    assert done.stdout == "the object\n", done.stderr
    assert f"{ACCOUNT}token" in google.asked


def test_a_token_that_is_late_is_waited_for(google: Google, tmp_path: Path) -> None:
    google.late = 3
    where = {"GCE_METADATA_HOST": google.address, "GCE_METADATA_IP": google.address}
    done = read_object(google, tmp_path, **where, OCTAVO_STORE_RETRY_SECONDS="60")
    assert done.stdout == "the object\n", done.stderr
    assert google.asked.count(f"{ACCOUNT}token") == 4
    assert "the source of tokens for Google Cloud Storage does not answer" in done.stderr


@pytest.fixture
def federation(google: Google, tmp_path: Path) -> Path:
    """The file that `gcloud iam workload-identity-pools create-cred-config` writes, for a token in a file."""
    (tmp_path / "token").write_text("of-another-cloud")
    document = {
        "type": "external_account",
        "audience": "//iam.googleapis.com/locations/global/workloadIdentityPools/pool/providers/provider",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": f"http://{google.address}/v1/token",
        "credential_source": {"file": str(tmp_path / "token")},
    }
    path = tmp_path / "federation.json"
    path.write_text(json.dumps(document))
    return path


def test_another_clouds_token_is_exchanged_for_googles(google: Google, federation: Path, tmp_path: Path) -> None:
    done = read_object(google, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=str(federation))
    assert done.stdout == "the object\n", done.stderr
    assert google.asked[0] == "/v1/token"


def test_a_token_that_is_not_there_is_told_without_googles(google: Google, federation: Path, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()
    done = read_object(google, tmp_path, GOOGLE_APPLICATION_CREDENTIALS=str(federation))
    assert "there are no credentials that Google Cloud Storage takes" in done.stderr
    assert "/v1/token" not in google.asked
