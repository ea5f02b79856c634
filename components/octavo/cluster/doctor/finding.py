"""What a check found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from octavo.errors import OctavoError

Verdict = Literal["ok", "note", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding.

    Attributes:
        verdict: "note" for what may be as wanted and nobody can tell.
        subject: what was looked at.
        text: what was found and, where it is not well, what to do.
    """

    verdict: Verdict
    subject: str
    text: str

    def line(self) -> str:
        """As it is printed."""
        return f"{self.verdict:<6} {self.subject}: {self.text}"


def found(subject: str, check: Callable[[], str]) -> Finding:
    """The finding of a check that says what is well, or raises what is not."""
    try:
        return Finding("ok", subject, check())
    except OctavoError as fault:
        return Finding("failed", subject, str(fault))
