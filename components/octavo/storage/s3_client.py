"""The minio client: made once for each set of settings, bounded in time."""

from __future__ import annotations

import io
import logging
import os
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

import certifi
from minio import Minio
from minio.credentials import Credentials, IamAwsProvider, Provider
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, ProtocolError
from urllib3.response import BaseHTTPResponse

from octavo.errors import StorageError
from octavo.storage.pieces import ends_in_its_headers
from octavo.storage.s3_settings import IDENTITY, S3Settings

CONNECT_SECONDS = 3.0
"""How long a connection may take; tried three times."""

STALL_SECONDS = 8.0
"""How long the store may say nothing; tried twice."""

HEADER_TRIES = 3
"""How often a request is made whose answer ends within its headers."""

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
        for _ in range(HEADER_TRIES):
            answer = super().urlopen(method, url, redirect, **kwargs)
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
            total=3,
            connect=2,
            read=1,
            backoff_factor=0.2,
            status_forcelist=[429, 500, 502, 503, 504],
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
        except (ValueError, KeyError, OSError, HTTPError, ParseError):
            found = ", ".join(name for name in IDENTITY if os.environ.get(name))
            raise StorageError(
                f"the pod's identity ({found}) gave no keys for the store; "
                "check its role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            ) from None
