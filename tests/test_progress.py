from __future__ import annotations

import io

import pytest
from rich.console import Console

from octavo.progress import StepLines


def test_each_step_that_ends_has_a_line_with_its_seconds() -> None:
    shown = io.StringIO()
    with StepLines(Console(file=shown)) as lines:
        lines.began("Calibrate")
        lines.began("Calibrate")
        lines.ended("Calibrate", 12.34, well=True)
        with lines.step("Merge logs"):
            pass
        lines.ended("Calibrate", 1, well=False)

    assert [line.split() for line in shown.getvalue().splitlines()] == [
        ["ok", "Calibrate", "12.3", "s"],
        ["ok", "Merge", "logs", "0.0", "s"],
        ["failed", "Calibrate", "1.0", "s"],
    ]


def test_a_step_that_raises_has_failed() -> None:
    shown = io.StringIO()
    with pytest.raises(KeyError), StepLines(Console(file=shown)) as lines, lines.step("Fuse"):
        raise KeyError

    assert shown.getvalue().startswith("failed Fuse")


def test_a_step_that_is_interrupted_has_not_failed() -> None:
    shown = io.StringIO()
    with pytest.raises(SystemExit), StepLines(Console(file=shown)) as lines, lines.step("Fuse"):
        raise SystemExit(143)

    assert shown.getvalue() == ""
