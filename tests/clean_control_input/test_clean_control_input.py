"""The cases of the original's own tests: a graph is cleaned, and a file that is not there is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.cli import main
from octavo.graph import load_graph, save_graph
from octavo.graph.text import parse_graph, to_text


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["clean_control_input", *args])
    return int(str(ended.value.code))


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "text"])
def test_of_adjacent_control_edges_none_survives_and_every_node_does(
    binary: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The original leaves every second one: it takes them from the list that it walks along."""
    graph = parse_graph("a = Foo()\nb = Foo()\nc = Foo(a:1, ^a, ^b)\nd = Foo(^c)")
    source, target = tmp_path / "in.pb", tmp_path / "out.pb"
    save_graph(graph, source, as_text=not binary)
    flags = [f"--input={source}", f"--output={target}", f"--input_binary={binary}", f"--output_binary={binary}"]
    assert run(*flags) == 0
    assert capsys.readouterr().err == "dropped 3 control edges; none stays\n"
    assert to_text(load_graph(target)) == "a = Foo()\nb = Foo()\nc = Foo(a:1)\nd = Foo()"
    assert target.read_bytes().startswith(b"node {") != binary


def test_a_graph_that_is_not_there_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--input=/notafile", f"--output={tmp_path / 'out.pb'}") == 2
    assert "the graph file '/notafile' cannot be read: No such file or directory" in capsys.readouterr().err
    assert not (tmp_path / "out.pb").exists()


def test_a_constant_stays_in_its_loop(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    graph = parse_graph("""
        x = Placeholder()
        e = Enter(x) frame_name="f"
        m = Merge(e, n)
        c = LoopCond(m)
        s = Switch(m, c)
        w = Const(^s)
        b = Add(s:1, w, ^m)
        n = NextIteration(b)
        y = Exit(s)
        z = Neg(y, ^x)
    """)
    source, target = tmp_path / "in.pb", tmp_path / "out.pb"
    save_graph(graph, source)
    assert run(f"--input={source}", f"--output={target}") == 0
    edges = {node.name: node.control_inputs for node in load_graph(target).nodes.values() if node.control_inputs}
    assert edges == {"w": ("^s",)}
    assert "control edges stay where they keep a node in a loop or branch: 1 times" in caplog.text
    assert capsys.readouterr().err.splitlines()[-1] == "dropped 2 control edges; one stays"
