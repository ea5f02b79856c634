"""The one way to decline: what stays as it is says why, where, and what would change it."""

from __future__ import annotations

from typing import Literal

Kind = Literal["missed", "excluded", "no kernel"]


class Miss(Exception):  # noqa: N818  what does not apply is no error: whoever tried it files it under its node
    """A rewrite does not apply to a node.

    Args:
        reason: one sentence.
        at: the node or tensor that is to blame.
        kind: "missed" (it stopped short), "excluded" (by the recipe), "no kernel".
        way_out: what would change it; None when nothing known would.
    """

    def __init__(self, reason: str, *, at: str, kind: Kind = "missed", way_out: str | None = None) -> None:
        super().__init__(f"{reason} (at {at!r})")
        self.reason = reason
        self.at = at
        self.kind = kind
        self.way_out = way_out
        self.bound = 0
        """How many nodes a match had bound: of several misses, the one that got farthest tells most."""
