"""The minio client: made once for each set of settings, bounded in time."""

from __future__ import annotations

import io
import logging
import os
import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import certifi
from minio import Minio
from minio.credentials import Credentials, IamAwsProvider, Provider
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, MaxRetryError, ProtocolError
from urllib3.response import BaseHTTPResponse

from octavo.errors import StorageError
from octavo.storage.causes import BUSY
from octavo.storage.pieces import ends_in_its_headers
from octavo.storage.s3_settings import IDENTITY, S3Settings
from octavo.storage.store import UnavailableError

CONNECT_SECONDS = 3.0
"""How long a connection may take."""

STALL_SECONDS = 8.0
"""How long the store may say nothing."""

BROKEN_TRIES = 3
"""How often a request is made whose answer breaks off, at once: a part or a page is not worth the whole operation."""

REPEATED = ("GET", "HEAD", "POST", "PUT")
"""The methods of such requests: what a second DELETE meets may be another's, so the caller looks again first."""

CONNECTIONS = 32
"""Connections that are kept open to one store."""


def s3_client(settings: S3Settings) -> Minio:
    """The client of these settings, shared by the threads of this process (a fork makes its own)."""
    return _client(settings, os.getpid())


@lru_cache(maxsize=16)
def _client(settings: S3Settings, _process: int) -> Minio:
    url = urlsplit(settings.endpoint)
    http = _http(settings.ca_bundle)
    client = Minio(
        url.netloc,
        access_key=settings.access_key,
        secret_key=settings.secret_key,
        session_token=settings.session_token,
        secure=url.scheme == "https",
        region=settings.region,
        credentials=_PodIdentity(http) if any(settings.identity) else None,
        http_client=http,
    )
    if settings.style == "virtual":
        client.enable_virtual_style_endpoint()
    elif settings.style == "path":
        client.disable_virtual_style_endpoint()
    return client


class _PiecewisePool(PoolManager):
    """Sends a body in pieces, so that the time-out bounds a stall and not the whole upload."""

    def urlopen(self, method: str, url: str, redirect: bool = True, **kwargs: Any) -> BaseHTTPResponse:  # type: ignore[override]  # as in urllib3
        """Hand the body over as a file, which urllib3 sends block by block and rewinds for a retry."""
        if isinstance(kwargs.get("body"), bytes):
            kwargs["body"] = io.BytesIO(kwargs["body"])
        for tries_left in reversed(range(BROKEN_TRIES if method in REPEATED else 1)):
            try:
                answer = super().urlopen(method, url, redirect, **kwargs)
            except MaxRetryError as fault:
                if not tries_left or not isinstance(fault.reason, ProtocolError):
                    raise
            else:
                if not ends_in_its_headers(answer.status, answer.headers):
                    return answer
                answer.close()
            if kwargs.get("body") is not None:
                kwargs["body"].seek(0)
        raise ProtocolError("the answer ends within its headers")


class _WithoutTokens(logging.Filter):
    """Keeps the token of a pod's identity, which is part of a URL, out of what urllib3 logs."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record through that quotes no token."""
        return "WebIdentityToken" not in record.getMessage()


_WITHOUT_TOKENS = _WithoutTokens()


def _http(ca_bundle: str | None) -> PoolManager:
    logging.getLogger("urllib3.connectionpool").addFilter(_WITHOUT_TOKENS)
    return _PiecewisePool(
        timeout=Timeout(connect=CONNECT_SECONDS, read=STALL_SECONDS),
        retries=Retry(
            connect=0,
            read=0,
            other=0,
            status=2,
            backoff_factor=0.2,
            backoff_jitter=0.2,
            status_forcelist=BUSY,
            allowed_methods=REPEATED,
            raise_on_status=False,
            respect_retry_after_header=False,
        ),
        maxsize=CONNECTIONS,
        ca_certs=ca_bundle or certifi.where(),
    )


class _PodIdentity(Provider):  # type: ignore[misc]  # minio is Any to mypy
    """The pod's own identity; a failure is told without the token, which minio's messages quote."""

    def __init__(self, http: PoolManager) -> None:
        sts = os.environ.get("AWS_ENDPOINT_URL_STS") if os.environ.get(IDENTITY[0]) else None
        self._provider = IamAwsProvider(http_client=http, custom_endpoint=sts)

    def retrieve(self) -> Credentials:
        """Keys that are valid now."""
        try:
            return self._provider.retrieve()
        except HTTPError:
            raise _without_keys(later=True) from None
        except ValueError as fault:
            raise _without_keys(later=_is_busy(str(fault))) from None
        except (KeyError, OSError, ParseError):
            raise _without_keys(later=False) from None


def _without_keys(*, later: bool) -> StorageError:
    """The failure of an identity, which may pass or not."""
    found = ", ".join(name for name in IDENTITY if os.environ.get(name))
    who, what = f"the pod's identity ({found})", "gave no keys for the store"
    sentence = f"{who} {what}; check its role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    return UnavailableError(sentence, who, what) if later else StorageError(sentence)


def _is_busy(sentence: str) -> bool:
    """Whether minio says of a token service that its answer had the status of one that cannot now."""
    found = re.search(r"failed with HTTP status code (\d+)", sentence)
    return found is not None and int(found[1]) in BUSY
