"""What a step says of its work while it does it: records of the logger `octavo`, shown by whoever runs the step."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import click


class _Lines(logging.Handler):
    """Writes each record's message to standard error, whatever that is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        click.echo(record.getMessage(), err=True)


@contextmanager
def shown() -> Iterator[None]:
    """Show on standard error what the steps have done (INFO), and what they warn of, a line each."""
    logger, lines = logging.getLogger("octavo"), _Lines()
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)


def counted(count: int, noun: str) -> str:
    """1, "range" -> "1 range"; 29 -> "29 ranges"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
