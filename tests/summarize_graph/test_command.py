import json
from pathlib import Path

import pytest

from octavo.cli import main
from octavo.graph import save_graph
from octavo.graph.text import parse_graph
from small_models import write_saved_model_v2

GRAPH = """
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
node { name: "a" op: "Tanh" input: "x" attr { key: "T" value { type: DT_FLOAT } } }
node { name: "b" op: "Relu" input: "x:0" attr { key: "T" value { type: DT_FLOAT } } }
"""


@pytest.fixture
def graph(tmp_path: Path) -> str:
    path = tmp_path / "graph.pbtxt"
    path.write_text(GRAPH)
    return str(path)


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["summarize_graph", *args])
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_the_tutorials_line_works(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"--in_graph={graph}", "--print_structure=false") == 0
    said = capsys.readouterr()
    assert said.out.startswith("Found 1 possible inputs: (name=x, type=float(1), shape=None) \n")
    assert said.out.endswith(" --output_layer=a,b\n")
    assert "likely input:  x (a Placeholder whose data reach a, b)\n" in said.err


def test_the_structure_follows_the_text(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-g", graph, "-b", "--print_structure", "--outputs=a") == 0
    assert capsys.readouterr().out.endswith("--output_layer=a,b\nx (Placeholder): []\nb (Relu): [x]\na (Tanh): [x]\n")


def test_json_holds_the_names(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--in_graph", graph, "--format=json", "--outputs", "b, a", "--print_structure=TRUE") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["input_names"] == ["x"]
    assert document["output_names"] == ["b", "a"]
    assert document["unsettled"] == []
    assert len(document["structure"]) == 3


def test_every_head_is_taken_and_what_is_left_out_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "graph.pb"
    save_graph(parse_graph("x = Placeholder() dtype=float32\np = Softmax(x)\nb = Tanh(x)\nAux = Relu(x)"), path)
    assert run("--in_graph", str(path)) == 0
    told = capsys.readouterr().err.splitlines()
    assert "likely output: p (nothing reads it, and data from the inputs end here in a Softmax)" in told
    assert "output too:    b (nothing reads it, and data from the inputs end here in a Tanh)" in told
    wanted = "left out: 'Aux' (looks like an auxiliary head); name those wanted with --outputs"
    assert any(wanted in line for line in told)


def test_a_fault_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--in_graph", str(tmp_path / "none.pb")) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("octavo: error: ")


@pytest.mark.parametrize("args", [[], ["--in_graph=g.pb", "--print_structure=maybe"], ["--in_graph=g.pb", "--x"]])
def test_a_wrong_flag_is_a_usage_error(args: list[str]) -> None:
    assert run(*args) == 2


def test_signatures_and_costs_are_told_beside_the_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_saved_model_v2(tmp_path / "m")
    assert run("--in_graph", str(tmp_path / "m")) == 0
    told = capsys.readouterr().err.splitlines()
    assert "signature second: images -> mean" in told
    costs = [line for line in told if line.startswith(("operations for a batch of one: ", "bytes of parameters: "))]
    assert len(costs) == 2
    assert all(" Conv2D" in line for line in costs)


def test_the_structure_names_what_each_node_reads(graph: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In place of quantize_graph's print_input_nodes, which no flag of it called."""
    assert run(f"--in_graph={graph}", "--print_structure=true") == 0
    lines = capsys.readouterr().out.splitlines()[-3:]
    assert sorted(lines) == ["a (Tanh): [x]", "b (Relu): [x]", "x (Placeholder): []"]
