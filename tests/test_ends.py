from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo.ends import Ends, read_ends
from octavo.errors import GraphError


def write(folder: Path, **fields: object) -> Path:
    path = folder / "summary.json"
    path.write_text(json.dumps(fields))
    return path


def test_the_names_of_a_summary_are_read(tmp_path: Path) -> None:
    summary = write(tmp_path, input_names=["input"], output_names=["a", "b:1"], unsettled=[])

    assert read_ends(summary) == Ends(("input",), ("a", "b:1"))


def test_what_the_summary_has_to_say_comes_with_the_names(tmp_path: Path) -> None:
    notes = ["outputs taken: 'a'; left out: 'b'"]
    summary = write(tmp_path, input_names=["input"], output_names=["a"], unsettled=[], notes=notes)

    assert read_ends(summary).notes == tuple(notes)


def test_names_that_are_not_settled_are_refused_in_the_summarys_words(tmp_path: Path) -> None:
    summary = write(tmp_path, input_names=["input"], output_names=None, unsettled=["2 outputs are equally likely"])

    with pytest.raises(GraphError, match=r"^2 outputs are equally likely$"):
        read_ends(summary)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"input_names": 1, "output_names": [], "unsettled": []}'])
def test_another_document_is_no_summary(content: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)

    with pytest.raises(GraphError, match=r"other.json' is no summary of a model"):
        read_ends(path)


def test_a_file_that_is_not_there_is_no_summary(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="is no summary of a model"):
        read_ends(tmp_path / "nothing.json")
