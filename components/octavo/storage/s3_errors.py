"""What S3 stores answer when they refuse, as one sentence with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree.ElementTree import ParseError

from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError, SSLError

from octavo.errors import StorageError
from octavo.storage.s3_settings import S3Settings
from octavo.storage.store import ConflictError, MissingObjectError

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

CONFLICTS = ("PreconditionFailed", "ConditionalRequestConflict")
"""What a store answers to a write whose condition does not hold."""


@contextmanager
def explained(uri: str, bucket: str, settings: S3Settings) -> Iterator[None]:
    """Turn what the client raises into a StorageError about `uri`, free of credentials."""
    where, variable = f"the store at {settings.endpoint}", settings.endpoint_variable
    try:
        yield
    except S3Error as fault:
        raise _refusal(fault, uri, bucket, where, anonymous=settings.anonymous) from fault
    except (MinioException, ParseError) as fault:
        raise _stranger(uri, where, variable, _status(fault)) from fault
    except HTTPError as fault:
        if isinstance(getattr(fault, "reason", None), SSLError):
            raise StorageError(
                f"{uri}: the certificate of {where} cannot be trusted ({_reason(fault)}); name the authority's file in "
                "AWS_CA_BUNDLE"
            ) from fault
        raise StorageError(
            f"{uri}: {where} cannot be reached ({_reason(fault)}); check {variable} and the network"
        ) from fault
    except ValueError as fault:
        if str(fault).startswith("XML element"):  # minio's own reader: a document, but not the one of the protocol
            raise _stranger(uri, where, variable, "") from fault
        raise StorageError(f"{uri}: {where} cannot be asked: {fault}") from fault


def _refusal(fault: Any, uri: str, bucket: str, where: str, *, anonymous: bool) -> StorageError:
    code = str(fault.code)
    if code == "NoSuchBucket":
        return StorageError(f"{uri}: there is no bucket {bucket!r} in {where}; create it or correct the URI")
    if code in CONFLICTS:
        return ConflictError(f"{uri} was written by somebody else in between")
    if code == "NoSuchKey":
        return MissingObjectError(f"{uri}: there is no such object in {where}; check the URI")
    if code == "AccessDenied" and anonymous:
        advice = "no keys were given: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    else:
        advice = ADVICE.get(code, "see the store's log")
    return StorageError(f"{uri}: {where} refused ({code}); {advice}")


def _stranger(uri: str, where: str, variable: str, status: str) -> StorageError:
    return StorageError(f"{uri}: {where} gave no S3 answer{status}; {variable} must be the address of an S3 API")


def _status(fault: Exception) -> str:
    """The HTTP status, where the client kept it."""
    status = getattr(fault, "_code", None) or getattr(fault, "status_code", None)
    return f" (HTTP status {status})" if status else ""


def _reason(fault: HTTPError) -> str:
    """The innermost cause in a word or two: urllib3 wraps it several times over."""
    cause: Any = getattr(fault, "reason", None) or fault
    system: Any = cause.__cause__ or cause.__context__ or cause
    return str(getattr(system, "strerror", None) or type(cause).__name__)
