"""Documents that were pasted into a field of one line, which makes blanks of the ends of their lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from octavo.errors import OctavoError

KEY = re.compile(r"(?:^|\s)[A-Za-z_]\w*:(?=\s)")
ITEMS = re.compile(r"[A-Za-z_]\w*:\s+-\s")
"""A field and the first item of its list, each of which had a line."""

BETWEEN = re.compile(r"(?<=\S)\s+(?=[A-Za-z_]\w*:\s)")
"""Where a line of block YAML may have ended: before the next field."""


def how_to_write(what: str, text: str, read: Callable[[str], Any], example: str) -> str:
    """What to do about a text that is no YAML, where it is block YAML whose lines were joined; "" where it is not.

    Args:
        what: what it should have been: "recipe".
        text: the text.
        read: reads it, and raises an OctavoError on what it cannot use.
        example: a document of one line.
    """
    several = len(KEY.findall(text)) > 1 or ITEMS.search(text)
    if "\n" in text.strip() or text.lstrip().startswith("{") or not several:
        return ""
    wanted = f"{{{BETWEEN.sub(', ', text.strip())}}}"
    try:
        read(wanted)
    except OctavoError:
        wanted = f"in one line with braces and commas, such as {example}"
    return f"the {what} {text.strip()!r} seems to be several lines that a form has joined; write it {wanted}"
