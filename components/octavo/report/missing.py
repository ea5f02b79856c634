"""What a report lacks, said in it: what cannot be drawn or timed never costs the figures, and never the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from octavo.tensorflow import first_line

T = TypeVar("T")


class Missing:
    """Sentences on what could not be made.

    Attributes:
        sentences: one each, in the order of their making.
    """

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def unless_made(self, what: str, make: Callable[[], T]) -> T | None:
        """What `make` gives; None, and a sentence, where it fails in whatever way."""
        try:
            return make()
        except Exception as fault:  # noqa: BLE001  whatever a drawing library raises
            self.sentences.append(f"The report lacks {what}: {first_line(fault)}")
            return None
