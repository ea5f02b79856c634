"""Pieces of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; pipes in its cells are escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def in_sections(page: str, sections: dict[str, str]) -> str:
    """The page with each section's text between its marks, `<!-- generated: NAME -->` and `<!-- end -->`.

    Raises:
        KeyError: when the page has a mark for another section, or a section has no mark.
    """
    left = dict(sections)

    def filled(found: re.Match[str]) -> str:
        return f"<!-- generated: {found[1]} -->\n{left.pop(found[1])}\n<!-- end -->"

    page = re.sub(r"<!-- generated: (\w+) -->\n.*?<!-- end -->", filled, page, flags=re.DOTALL)
    if left:
        raise KeyError(f"the page has no place for {', '.join(left)}")
    return page
