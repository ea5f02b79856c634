"""What S3 stores answer when they refuse, as one sentence with what to do."""

from __future__ import annotations

import math
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree.ElementTree import ParseError

from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError, LocationValueError, SSLError

from octavo.errors import StorageError
from octavo.storage.causes import BUSY, in_a_word, name_is_unknown
from octavo.storage.patience import UNKNOWN_NAME_SECONDS
from octavo.storage.s3_settings import S3Settings
from octavo.storage.store import ConflictError, MissingObjectError, UnavailableError

_KEYS = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_REGION = "set AWS_REGION to the bucket's region"
_LATER = "try again later"

ADVICE = {
    "AccessDenied": "the keys may lack the permission, or be wrong: " + _KEYS,
    "AuthorizationHeaderMalformed": _REGION,
    "ExpiredToken": "the session token has expired: set a fresh AWS_SESSION_TOKEN",
    "InternalError": _LATER,
    "InvalidAccessKeyId": _KEYS,
    "InvalidToken": "check AWS_SESSION_TOKEN",
    "PermanentRedirect": _REGION,
    "Redirect": _REGION,
    "RequestTimeTooSkewed": "this machine's clock is wrong: set it",
    "ServiceUnavailable": _LATER,
    "SignatureDoesNotMatch": _KEYS,
    "SlowDown": _LATER,
}
"""S3 error code -> what to do about it."""

PASSING = (
    "InternalError",  # also within an answer of status 200, of an upload in parts
    "NoSuchUpload",  # an upload in parts whose end was asked for twice, or that the store cleared away
    "OperationAborted",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
)
"""S3 error codes that may be gone at the next try, whatever status they come with."""

OF_TOKENS = ("ExpiredToken", "InvalidToken")
"""S3 error codes that pass when a pod's identity gives the next token."""

CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict")
"""What a store answers to a write whose condition does not hold."""


@contextmanager
def explained(uri: str, bucket: str, settings: S3Settings) -> Iterator[None]:
    """Turn what the client raises into a StorageError about `uri`, free of credentials.

    One that may pass is an UnavailableError.
    """
    where = settings.where
    try:
        yield
    except S3Error as fault:
        raise _refusal(fault, uri, bucket, settings) from fault
    except (MinioException, ParseError) as fault:
        raise _stranger(uri, settings, _status(fault)) from fault
    except LocationValueError as fault:
        raise StorageError(f"{uri}: {where} cannot be asked: {fault}") from fault
    except HTTPError as fault:
        raise _unreached(fault, uri, settings) from fault
    except ValueError as fault:
        if str(fault).startswith("XML element"):  # minio's own reader: a document, but not the one of the protocol
            raise _stranger(uri, settings, None) from fault
        raise StorageError(f"{uri}: {where} cannot be asked: {fault}") from fault


def _refusal(fault: Any, uri: str, bucket: str, settings: S3Settings) -> StorageError:
    code, where = str(fault.code), settings.where
    if code == "NoSuchBucket":
        return StorageError(f"{uri}: there is no bucket {bucket!r} in {where}; create it or correct the URI")
    if code in CONFLICTS:
        return ConflictError(f"{uri} was written by somebody else in between")
    if code == "NoSuchKey":
        return MissingObjectError(f"{uri}: there is no such object in {where}; check the URI")
    if code == "AccessDenied" and settings.anonymous:
        advice = "no keys were given: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    else:
        advice = ADVICE.get(code, "see the store's log")
    sentence = f"{uri}: {where} refused ({code}); {advice}"
    if _passes(code, fault.response.status, settings):
        return UnavailableError(sentence, where, f"refused ({code})")
    return StorageError(sentence)


def _passes(code: str, status: int, settings: S3Settings) -> bool:
    return code in PASSING or status in BUSY or (code in OF_TOKENS and any(settings.identity))


def _stranger(uri: str, settings: S3Settings, status: int | None) -> StorageError:
    what = "gave no S3 answer" + (f" (HTTP status {status})" if status else "")
    sentence = f"{uri}: {settings.where} {what}; {settings.endpoint_variable} must be the address of an S3 API"
    return UnavailableError(sentence, settings.where, what) if status in BUSY else StorageError(sentence)


def _unreached(fault: HTTPError, uri: str, settings: S3Settings) -> StorageError:
    where, cause = settings.where, getattr(fault, "reason", None)
    if isinstance(cause, SSLError) and not _broke_off(cause):
        return StorageError(
            f"{uri}: the certificate of {where} cannot be trusted ({in_a_word(fault)}); name the authority's file in "
            "AWS_CA_BUNDLE"
        )
    what = f"cannot be reached ({in_a_word(fault)})"
    return UnavailableError(
        f"{uri}: {where} {what}; check {settings.endpoint_variable} and the network",
        where,
        what,
        most_seconds=UNKNOWN_NAME_SECONDS if name_is_unknown(fault) else math.inf,
    )


def _broke_off(fault: SSLError) -> bool:
    """Whether a connection ended within TLS, which says nothing against the certificate."""
    return any(isinstance(each, ssl.SSLEOFError | ssl.SSLZeroReturnError) for each in fault.args)


def _status(fault: Exception) -> int | None:
    """The HTTP status, where the client kept it."""
    return getattr(fault, "_code", None) or getattr(fault, "status_code", None)
