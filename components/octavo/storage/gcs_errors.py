"""What Google Cloud Storage and its client answer when they refuse, as one sentence with what to do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, PreconditionFailed, RetryError, Unauthorized
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from requests import RequestException
from requests.exceptions import SSLError

from octavo.errors import StorageError
from octavo.storage.store import ConflictError, MissingObjectError

_CREDENTIALS = "set GOOGLE_APPLICATION_CREDENTIALS to the file of a service account's key, or give the pod an identity"


@contextmanager
def explained(uri: str, bucket: str, bucket_exists: Callable[[], bool]) -> Iterator[None]:
    """Turn what the client raises into a StorageError about `uri`, free of credentials.

    `bucket_exists` is called when something was not found, to say which of the two.
    """
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    where = f"the store at {emulator}" if emulator else "Google Cloud Storage"
    try:
        yield
    except NotFound as fault:
        raise _missing(uri, bucket, where, exists=bucket_exists()) from fault
    except PreconditionFailed as fault:
        raise ConflictError(f"{uri} was written by somebody else in between") from fault
    except (Unauthorized, Forbidden) as fault:
        raise StorageError(f"{uri}: {where} refused the credentials ({fault.code}); {_CREDENTIALS}") from fault
    except GoogleAuthError:
        raise StorageError(f"{uri}: there are no credentials that {where} takes; {_CREDENTIALS}") from None
    except DataCorruption as fault:
        raise StorageError(f"{uri} was damaged on its way (its checksum differs); try again") from fault
    except RetryError as fault:
        if isinstance(fault.cause, SSLError):
            raise StorageError(
                f"{uri}: the certificate of {where} cannot be trusted; name the authority's file in REQUESTS_CA_BUNDLE"
            ) from fault
        raise StorageError(f"{uri}: {where} {_unserved(fault)}") from fault
    except (GoogleAPIError, InvalidResponse, RequestException, ConnectionError) as fault:
        raise StorageError(f"{uri}: {where} {_unserved(fault)}") from fault
    except ValueError as fault:
        raise StorageError(f"{uri}: {where} cannot be asked: {fault}") from fault


def _missing(uri: str, bucket: str, where: str, *, exists: bool) -> StorageError:
    if exists:
        return MissingObjectError(f"{uri}: there is no such object in {where}; check the URI")
    return StorageError(f"{uri}: there is no bucket {bucket!r} in {where}; create it or correct the URI")


def _unserved(fault: Any) -> str:
    """What the last try met, of those that the client made: an answer, or none."""
    last = getattr(fault, "cause", None) or fault
    status = getattr(last, "code", None) or getattr(getattr(last, "response", None), "status_code", None)
    if status:
        return f"did not serve it (HTTP status {int(status)}); try again later"
    return f"cannot be reached ({type(last).__name__}); check the network"
