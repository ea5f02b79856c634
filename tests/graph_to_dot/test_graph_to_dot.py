"""The cases of the original's own tests: a DOT file and the line that says so, and a file that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.cli import main
from octavo.graph import save_graph
from octavo.graph.text import parse_graph


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["graph_to_dot", *args])
    return int(str(ended.value.code))


@pytest.mark.parametrize("as_text", [False, True], ids=["binary", "text"])
def test_the_line_of_the_original_is_printed_and_every_edge_is_drawn(
    as_text: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = parse_graph("x = Foo()\ns = Split(x)\ny = Add(s:1, x, ^s)")
    save_graph(graph, tmp_path / "g.pb", as_text=as_text)
    dot = tmp_path / "dot_file"
    assert run(f"--graph={tmp_path / 'g.pb'}", f"--dot_output={dot}", f"--input_binary={not as_text}") == 0
    assert capsys.readouterr().out == f"Created DOT file '{dot}'.\n"
    assert dot.read_text() == (
        'digraph graphname {\n  "x" [label="Foo"];\n  "s" [label="Split"];\n  "x" -> "s";\n'
        '  "y" [label="Add"];\n  "s" -> "y";\n  "x" -> "y";\n  "s" -> "y";\n}\n'
    )


def test_a_graph_that_is_not_there_is_named_and_nothing_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--graph=/notafile", f"--dot_output={tmp_path / 'dot'}") == 2
    assert "the graph file '/notafile' cannot be read: No such file or directory" in capsys.readouterr().err
    assert not (tmp_path / "dot").exists()


def test_a_drawing_that_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_graph(parse_graph("x = Foo()"), tmp_path / "g.pb")
    assert run(f"--graph={tmp_path / 'g.pb'}", f"--dot_output={tmp_path / 'g.pb' / 'dot'}") == 2
    assert "cannot be written" in capsys.readouterr().err
