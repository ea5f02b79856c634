"""The client of Google Cloud Storage: made once for each environment, and shared."""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from typing import Any

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client
from requests import Response, exceptions
from requests.adapters import HTTPAdapter

from octavo.storage.pieces import ends_in_its_headers, pieces
from octavo.storage.settings import own_setting

EMULATOR = "STORAGE_EMULATOR_HOST"
"""The variable that puts another server in Google's place; nobody's credentials are sent to it."""

KEY_FILE = "GOOGLE_APPLICATION_CREDENTIALS"
"""The setting that names the file of a service account's key."""

ENVIRONMENT = (
    EMULATOR,
    KEY_FILE,
    "GOOGLE_CLOUD_PROJECT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
"""The variables that decide which client is made."""

NO_BACKGROUND = "DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA"
"""Unless told not to, the client reads each bucket's own record in a thread: a permission that readers lack."""

CONNECTIONS = 32
"""Connections that are kept open to the store."""


def gcs_client() -> Client:
    """The client of this environment, shared by the threads of this process (a fork makes its own).

    Raises:
        GoogleAuthError: when the machine has no credentials.
    """
    return _client(own_setting(KEY_FILE), tuple(os.environ.get(name) for name in ENVIRONMENT), os.getpid())


@lru_cache(maxsize=16)
def _client(key_file: str | None, _environment: tuple[str | None, ...], _process: int) -> Client:
    os.environ.setdefault(NO_BACKGROUND, "true")
    emulated = bool(os.environ.get(EMULATOR))
    credentials = AnonymousCredentials() if emulated else _credentials(key_file)
    session = AuthorizedSession(credentials)
    session.mount("https://", HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS))
    session.mount("http://", HTTPAdapter(pool_connections=4, pool_maxsize=CONNECTIONS))
    session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE") or True
    session.hooks["response"].append(_settle)
    return Client(project=None, credentials=credentials, _http=session)


def _credentials(key_file: str | None) -> Credentials:
    if key_file is None:
        return google.auth.default(scopes=Client.SCOPE)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of files that strangers wrote; this one the user names
        return google.auth.load_credentials_from_file(key_file, scopes=Client.SCOPE)[0]


def _settle(response: Response, **_: Any) -> None:
    """Read what comes with a refusal, so that the connection is free again: the client leaves it unread.

    What comes with anything else is read as it arrives, so that a body that only trickles can be given up.
    """
    if ends_in_its_headers(response.status_code, response.headers):
        response.close()
        raise exceptions.ConnectionError("the answer ends within its headers")
    if not response.ok:
        _ = response.content
        return
    raw = response.raw
    raw.stream = lambda _size, decode_content=False: pieces(raw, decode=decode_content)
