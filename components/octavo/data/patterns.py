"""Patterns: `*` and `?` stand for what is no slash, `**/` for any folders, `[abc]` for one of some characters."""

from __future__ import annotations

import re
from collections.abc import Sequence

from octavo.data.formats import WILD
from octavo.errors import DataError
from octavo.storage import StoredObject, list_objects, parse_uri


def matching(uri: str) -> Sequence[StoredObject]:
    """The objects that a pattern names, in the order of their names.

    Only the folder in front of the first wild card is listed; names are relative to it.

    Raises:
        DataError: when there is none.
        StorageError: when the store fails.
    """
    place = parse_uri(uri)
    fixed = place.key[: WILD.search(place.key).start()]  # type: ignore[union-attr]  # it is a pattern
    folder, slash, _ = fixed.rpartition("/")
    base = type(place)(place.scheme, place.bucket, folder if slash else "")
    rest = place.key[len(folder) + len(slash) :]
    wanted = re.compile(_expression(rest))
    found = [each for each in list_objects(str(base)) if wanted.fullmatch(each.name)]
    if not found:
        raise DataError(f"nothing matches {uri!r}; {base} was listed")
    return found


def _expression(pattern: str) -> str:
    """The pattern as a regular expression."""
    parts = re.split(r"(\*\*/|\*|\?|\[[^\]]+\])", pattern)
    known = {"**/": "(?:[^/]+/)*", "*": "[^/]*", "?": "[^/]"}
    return "".join(known.get(part) or (_one_of(part) if WILD.match(part) else re.escape(part)) for part in parts)


def _one_of(part: str) -> str:
    """`[abc]`, `[a-c]` or `[!abc]`."""
    inner = part[1:-1].replace("\\", "\\\\")
    return f"[^{inner[1:]}]" if inner.startswith("!") else f"[{inner}]" if len(part) > 1 else re.escape(part)
