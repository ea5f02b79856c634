"""Min/max logs as octavo writes them."""

from __future__ import annotations

from octavo.ranges.log_records import counted


def whole(*records: str) -> list[str]:
    """The lines, without their ends, of a whole log of these records."""
    return [line.removesuffix("\n") for line in counted(f"{record}\n" for record in records)]
