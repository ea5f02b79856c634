from __future__ import annotations

import json
from pathlib import Path

import pytest

from octavo.documents.summary import Ends, Summary
from octavo.errors import GraphError
from written import summary


def test_what_was_written_is_read(tmp_path: Path) -> None:
    told = summary(["input"], ["a", "b:1"], notes=["outputs taken: 'a'; left out: 'b'"])
    told.write(tmp_path / "summary.json")

    assert Summary.read(tmp_path / "summary.json") == told
    assert told.ends() == Ends(("input",), ("a", "b:1"), ("outputs taken: 'a'; left out: 'b'",))


def test_names_that_are_not_settled_are_refused_in_the_summarys_words() -> None:
    told = summary(["input"], output_names=None, known_outputs=(), unsettled=["2 outputs are equally likely"])

    with pytest.raises(GraphError, match=r"^2 outputs are equally likely$"):
        told.ends()


@pytest.mark.parametrize(
    ("fields", "why"), [({}, "model: Field required"), ({"model": "g.pb", "kind": 1}, "kind: Input should be a valid")]
)
def test_another_document_is_no_summary(fields: dict[str, object], why: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(json.dumps(fields))

    with pytest.raises(GraphError, match=rf"other.json' is no summary of a model: {why}.*; wanted summarize_graph's"):
        Summary.read(path)


@pytest.mark.parametrize("content", ["", "[]", "<html>"])
def test_what_is_no_document_is_no_summary(content: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)

    with pytest.raises(GraphError, match=r"other.json' is no summary of a model: the whole: "):
        Summary.read(path)


def test_a_file_that_is_not_there_is_no_summary(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="is no summary of a model: No such file"):
        Summary.read(tmp_path / "nothing.json")
