"""What a run shows while it goes: a line for each finished step, and a spinner beside the ones that run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console


class StepLines:
    """A context manager that prints a line, with its seconds, for each step that ends.

    Args:
        console: where to print; the spinner is left out where it is no terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._spinner = console.status("")
        self._running: list[str] = []

    def began(self, name: str) -> None:
        """A step begins."""
        self._running.append(name)
        self._spinner.update(", ".join(self._running))

    def ended(self, name: str, seconds: float, *, well: bool) -> None:
        """A step that began has ended, well or not."""
        self._running.remove(name)
        self._spinner.update(", ".join(self._running))
        mark = "[green]ok    [/]" if well else "[red]failed[/]"
        self._console.print(f"{mark} {name:<16} {seconds:6.1f} s", highlight=False)

    def note(self, sentence: str) -> None:
        """Something that who waits should know."""
        self._console.print(sentence, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step that runs in this process, from its beginning to its end."""
        start = time.monotonic()
        self.began(name)
        try:
            yield
        except Exception:
            self.ended(name, time.monotonic() - start, well=False)
            raise
        self.ended(name, time.monotonic() - start, well=True)

    def __enter__(self) -> Self:
        self._spinner.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spinner.stop()
