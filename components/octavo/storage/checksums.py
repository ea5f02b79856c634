"""The checksums by which an S3 store, or who uploaded an object, says what is in it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import BinaryIO, Self

from octavo.storage.pieces import PIECE_BYTES

SHA256 = "octavo-sha256"
"""The entry of metadata in which octavo says what it uploads, in whatever parts and however it is encrypted."""

SHA256_HEADER = f"x-amz-meta-{SHA256}"

_MD5 = re.compile(r"[0-9a-f]{32}")


class Sums:
    """The checksums of a content that passes by."""

    def __init__(self) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    @classmethod
    def of(cls, file: BinaryIO) -> Self:
        """The checksums of a file, which is left at its beginning."""
        sums = cls()
        while piece := file.read(PIECE_BYTES):
            sums.update(piece)
        file.seek(0)
        return sums

    @property
    def sha256(self) -> str:
        """The SHA-256 of what has passed by, as 64 digits."""
        return self._sha256.hexdigest()

    def update(self, piece: bytes) -> None:
        """More of the content."""
        self._md5.update(piece)
        self._sha256.update(piece)

    def differing(self, headers: Mapping[str, str]) -> str | None:
        """How the content differs from what an answer's headers say of it; None where it does not."""
        told = {name.lower(): value for name, value in headers.items()}
        for name, wanted, found in (
            ("SHA-256", told.get(SHA256_HEADER), self._sha256.hexdigest()),
            ("MD5", _stored_md5(told), self._md5.hexdigest()),
        ):
            if wanted not in (None, found):
                return f"{name} {found}, wanted {wanted}"
        return None


def _stored_md5(headers: Mapping[str, str]) -> str | None:
    """The content's MD5 where the ETag is one: not for objects sent in parts, nor under a customer's key."""
    etag = headers.get("etag", "").strip('"').lower()
    by_key = headers.get("x-amz-server-side-encryption", "AES256") != "AES256"
    by_customer = "x-amz-server-side-encryption-customer-algorithm" in headers
    return etag if _MD5.fullmatch(etag) and not by_key and not by_customer else None
