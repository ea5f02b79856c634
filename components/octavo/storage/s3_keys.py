"""Keys of an S3 store in the file that Amazon's tools keep them in."""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass, field
from pathlib import Path

from octavo.errors import StorageError

FILE = "AWS_SHARED_CREDENTIALS_FILE"
"""The variable that names the file; ~/.aws/credentials where it is not set."""

PROFILE = "AWS_PROFILE"
"""The variable that names the section of it; `default` where it is not set."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Who asks; the text shows no secret. None for nobody."""

    access: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)


def keys_of_file() -> Keys:
    """The keys of the chosen profile; nobody's where there is no file, and neither a file nor a profile was asked for.

    Raises:
        StorageError: when what was asked for is not there, or the file cannot be read; no line of it is quoted.
    """
    named, profile = os.environ.get(FILE), os.environ.get(PROFILE)
    path = Path(named or "~/.aws/credentials").expanduser()
    if not path.is_file():
        if named:
            raise StorageError(f"there is no file {str(path)!r}, which {FILE} names")
        return Keys()
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        raise StorageError(
            f"{str(path)!r} cannot be read; wanted [profile] and aws_access_key_id = ... under it"
        ) from None
    return _section(parser, profile or "default", path, asked=bool(named or profile))


def _section(parser: configparser.RawConfigParser, profile: str, path: Path, *, asked: bool) -> Keys:
    access = parser.get(profile, "aws_access_key_id", fallback=None)
    secret = parser.get(profile, "aws_secret_access_key", fallback=None)
    if access and secret:
        return Keys(access, secret, parser.get(profile, "aws_session_token", fallback=None))
    if asked:
        raise StorageError(
            f"the profile {profile!r} in {str(path)!r} has no aws_access_key_id and aws_secret_access_key; choose "
            f"another with {PROFILE}"
        )
    return Keys()
