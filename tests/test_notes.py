"""What steps say of their work, and when it is shown."""

from __future__ import annotations

import logging

import pytest

from octavo.notes import counted, shown

LOG = logging.getLogger("octavo.some.step")


def test_notes_and_warnings_are_lines_on_standard_error_while_they_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    LOG.info("before")
    with shown():
        LOG.info("did %d things", 3)
        LOG.warning("with a doubt")
        logging.getLogger("tensorflow").info("noise")
    LOG.info("behind")

    assert capsys.readouterr() == ("", "did 3 things\nwith a doubt\n")


def test_a_step_within_a_step_says_everything_once_and_nothing_stays_changed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logger = logging.getLogger("octavo")
    before = (logger.level, logger.handlers[:])
    with shown():
        LOG.info("once")
    assert capsys.readouterr().err == "once\n"
    assert (logger.level, logger.handlers[:]) == before


@pytest.mark.parametrize(("count", "words"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1234, "1,234 files")])
def test_one_is_singular_and_thousands_are_parted(count: int, words: str) -> None:
    assert counted(count, "file") == words
