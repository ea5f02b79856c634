"""Patterns: `*` and `?` stand for what is no slash, `**/` for any folders, `[abc]` for one of some characters.

What stands between two `*`, or two `**/`, is taken where it first occurs, and looked for no further (atomic groups): a
later place would leave less for the rest. So the time that a name takes grows with its length, not with its powers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from octavo.data.formats import WILD, is_local_folder
from octavo.errors import DataError
from octavo.storage import StoredObject, Uri, list_objects, parse_uri


def matching(uri: str) -> Sequence[StoredObject]:
    """The objects that a pattern names, in the order of their names.

    Only the folder in front of the first wild card is listed; names are relative to it.

    Raises:
        DataError: when there is none, or it is no pattern.
        StorageError: when the store fails.
    """
    place = parse_uri(uri)
    folder, rest = _parted(place)
    base = Uri(place.scheme, place.bucket, folder)
    try:
        wanted = re.compile(_expression(rest))
    except re.error as fault:
        raise DataError(f"{uri!r} is no pattern: {fault}; wanted such as *.png, **/*.png or [a-c]?.png") from fault
    found = [each for each in list_objects(str(base)) if wanted.fullmatch(each.name)]
    if not found:
        raise DataError(f"nothing matches {uri!r}; {base} was listed")
    return found


def _parted(place: Uri) -> tuple[str, str]:
    """The folder in front of the first wild card, and what follows it; local folders of such names are folders."""
    start = 0
    while card := WILD.search(place.key, start):
        end = place.key.find("/", card.end())
        if end < 0 or not is_local_folder(place, place.key[:end]):
            break
        start = end
    folder, slash, _ = (place.key[: card.start()] if card else place.key).rpartition("/")
    return folder, place.key[len(folder) + len(slash) :]


def _expression(pattern: str) -> str:
    """The pattern as a regular expression."""
    sections = ["/".join(map(_segment, each.split("/"))) for each in re.split(r"(?:^|(?<=/))(?:\*\*/)+", pattern)]
    return _spread(sections, r"(?:[^/]+/)*")


def _segment(text: str) -> str:
    """What stands between two slashes."""
    pieces = [""]
    for part in re.findall(r"\*+|\[[^\]]+\]|.", text, re.DOTALL):
        if part.startswith("*"):
            pieces.append("")
        else:
            pieces[-1] += "[^/]" if part == "?" else _one_of(part) if len(part) > 1 else re.escape(part)
    return _spread(pieces, "[^/]*")


def _spread(parts: Sequence[str], between: str) -> str:
    """The parts with something of any length between them: as little as there can be, but before the last."""
    first, *others = parts
    if not others:
        return first
    return first + "".join(f"(?>{between}?{each})" for each in others[:-1]) + between + others[-1]


def _one_of(part: str) -> str:
    """`[abc]`, `[a-c]` or `[!abc]`, none of which is a slash."""
    inner = re.sub(r"[\\\[&~|]", r"\\\g<0>", part[1:-1])
    return f"(?!/)[^{inner[1:]}]" if inner.startswith("!") else f"(?!/)[{inner}]"
