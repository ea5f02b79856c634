"""How each document says that it cannot be read, or is another."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.documents.decisions import Decision, Decisions
from octavo.documents.document import Document
from octavo.documents.evaluation import Evaluation
from octavo.documents.model_record import ModelRecord
from octavo.documents.ranking import Ranking
from octavo.documents.result import Result
from octavo.documents.timings import Timings
from octavo.errors import DataError, GraphError, OctavoError

SENTENCES: list[tuple[type[Document], type[OctavoError], str, str]] = [
    (Decisions, GraphError, "the file {} cannot be read: {}; wanted quantize_graph's", "{} is not what quantize_graph"),
    (Evaluation, GraphError, "the file {} cannot be read: {}; wanted evaluate's", "{} is not what evaluate writes: "),
    (Timings, GraphError, "the file {} cannot be read: {}; wanted benchmark's", "{} is not what benchmark writes: "),
    (Result, GraphError, "the summary {} cannot be read: {}", "{} is no summary of a quantized model ("),
    (ModelRecord, GraphError, "the record {} cannot be read: {}", "{} is no record of fetch_model ("),
    (Ranking, DataError, "the shard's evaluation {} cannot be read: {}", "{} is no shard's evaluation: "),
]


@pytest.mark.parametrize(("kind", "error", "unread", "wrong"), SENTENCES, ids=[row[0].__name__ for row in SENTENCES])
def test_what_is_no_such_document_is_refused_in_one_sentence(
    kind: type[Document], error: type[OctavoError], unread: str, wrong: str, tmp_path: Path
) -> None:
    path = tmp_path / "{a} 'b'.json"  # braces and quotes are letters like others
    with pytest.raises(error) as refused:
        kind.read(path)
    assert str(refused.value) == unread.format(repr(str(path)), "No such file or directory")
    for content, where in (("{", "the whole: "), ("{}", f"{next(iter(kind.model_fields))}: Field required")):
        path.write_text(content)
        with pytest.raises(error) as refused:
            kind.read(path)
        assert wrong.format(repr(str(path))) in str(refused.value)
        assert where in str(refused.value)


def test_what_was_written_is_read_and_what_is_not_known_is_passed_over(tmp_path: Path) -> None:
    told = Decisions(nodes=(Decision("c", "Conv2D", "FP32", kind="missed", reason="no"),), recipe={"bias": "qint32"})
    told.write(tmp_path / "d.json")
    text = (tmp_path / "d.json").read_text()
    (tmp_path / "d.json").write_text(text.replace('"nodes"', '"new": 1, "nodes"'))

    assert Decisions.read(tmp_path / "d.json") == told
