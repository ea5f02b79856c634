"""What Google Cloud Storage and its client answer when they refuse, as one sentence with what to do."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound, PreconditionFailed, Unauthorized
from google.auth.exceptions import GoogleAuthError, RefreshError, TransportError
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from requests.exceptions import ChunkedEncodingError, SSLError

from octavo.errors import StorageError
from octavo.storage.causes import BUSY, in_a_word, name_is_unknown
from octavo.storage.patience import UNKNOWN_NAME_SECONDS
from octavo.storage.store import ConflictError, MissingObjectError, UnavailableError

UNFINISHED = "Upload is in an invalid state"
"""How the client begins when an earlier part of an upload was refused; the upload can be begun again."""

_CREDENTIALS = "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account's key, or give the pod an identity"


def store_name() -> str:
    """The store of this environment, as sentences name it."""
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    return f"the store at {emulator}" if emulator else "Google Cloud Storage"


@contextmanager
def explained(uri: str, bucket: str, bucket_exists: Callable[[], bool]) -> Iterator[None]:
    """Turn what the client raises into a StorageError about `uri`, free of credentials.

    One that may pass is an UnavailableError. `bucket_exists` is called when something was not found, to say which of
    the two.
    """
    where = store_name()
    try:
        yield
    except NotFound as fault:
        raise _missing(uri, bucket, where, exists=bucket_exists()) from fault
    except PreconditionFailed as fault:
        raise ConflictError(f"{uri} was written by somebody else in between") from fault
    except GoogleAuthError as fault:
        raise unavailable(fault, uri) or _refused(fault, uri, where) from None
    except (GoogleAPICallError, InvalidResponse, DataCorruption, requests.RequestException, ConnectionError) as fault:
        raise unavailable(fault, uri) or _refused(fault, uri, where) from fault
    except ValueError as fault:
        if str(fault).startswith(UNFINISHED):
            sentence = f"{uri}: {where} refused a part of it; try again later"
            raise UnavailableError(sentence, where, "refused a part of an upload") from fault
        raise StorageError(f"{uri}: {where} cannot be asked: {fault}") from fault


def _refused(fault: Exception, uri: str, where: str) -> StorageError:
    """The sentence of a failure that will not pass."""
    if isinstance(fault, Unauthorized | Forbidden):
        return StorageError(f"{uri}: {where} refused the credentials ({fault.code}); {_CREDENTIALS}")
    if isinstance(fault, GoogleAuthError):
        return StorageError(f"{uri}: there are no credentials that {where} takes; {_CREDENTIALS}")
    if isinstance(fault, DataCorruption):
        return StorageError(f"{uri} was damaged on its way (its checksum differs); try again")
    if isinstance(fault, SSLError):
        return StorageError(
            f"{uri}: the certificate of {where} cannot be trusted; name the authority's file in REQUESTS_CA_BUNDLE"
        )
    return StorageError(f"{uri}: {where} {_unserved(fault)}")


def unavailable(fault: BaseException, uri: str) -> UnavailableError | None:
    """The sentence of a failure that may pass; None for others."""
    where = store_name()
    if isinstance(fault, GoogleAuthError):
        if not _token_is_late(fault):
            return None
        who, what = f"the source of tokens for {where}", f"does not answer ({type(fault).__name__})"
        return UnavailableError(f"{uri}: {who} {what}; check the network and the pod's identity", who, what)
    if not _is_away(fault):
        return None
    what, _, advice = _unserved(fault).partition(";")
    most = UNKNOWN_NAME_SECONDS if name_is_unknown(fault) else math.inf
    return UnavailableError(f"{uri}: {where} {what};{advice}", where, what, most_seconds=most)


def _is_away(fault: BaseException) -> bool:
    if isinstance(fault, SSLError):
        return False
    away = requests.ConnectionError, requests.Timeout, ChunkedEncodingError, ConnectionError
    return isinstance(fault, away) or _status(fault) in BUSY


def _token_is_late(fault: GoogleAuthError) -> bool:
    """Whether a token could not be had only because who gives it did not answer, or was busy."""
    first = fault.args[0] if fault.args else None
    if isinstance(fault, RefreshError):
        return bool(fault.retryable) or (isinstance(first, TransportError) and _token_is_late(first))
    if not isinstance(fault, TransportError):
        return False
    statuses = [each.status for each in fault.args if hasattr(each, "status")]
    return not statuses or statuses[0] in BUSY


def _missing(uri: str, bucket: str, where: str, *, exists: bool) -> StorageError:
    if exists:
        return MissingObjectError(f"{uri}: there is no such object in {where}; check the URI")
    return StorageError(f"{uri}: there is no bucket {bucket!r} in {where}; create it or correct the URI")


def _unserved(fault: BaseException) -> str:
    """What the last try met: an answer, or none."""
    if status := _status(fault):
        return f"did not serve it (HTTP status {int(status)}); try again later"
    return f"cannot be reached ({in_a_word(fault)}); check the network"


def _status(fault: Any) -> int | None:
    return getattr(fault, "code", None) or getattr(getattr(fault, "response", None), "status_code", None)
