import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from octavo.cli import cli
from octavo.errors import SpecError
from octavo.graph import save_graph
from octavo.graph.text import parse_graph
from octavo.tensorflow import CALLER_THREAD

GRAPH = """
x = Placeholder() dtype=float32 shape=<?,?>
w = Const() value=float32<4,2>[0.5]
y = MatMul(x, w) T=float32 transpose_a=false transpose_b=false
"""


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    path = tmp_path / "graph.pb"
    save_graph(parse_graph(GRAPH), path)
    ends = ["--inputs=x", "--outputs=y"]
    return ["benchmark", f"--fp32_graph={path}", f"--int8-graph={path}", *ends, "--seconds=0.001", "--rounds=2"]


def test_prints_a_table_and_writes_json(arguments: list[str], tmp_path: Path) -> None:
    output = tmp_path / "out" / "timings.json"
    arguments += ["--batch-sizes=2,3", "--input-shape=4", f"--output={output}"]
    shown = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert shown.exit_code == 0
    assert "INT8" in shown.output
    written = json.loads(output.read_text())
    assert [entry["batch"] for entry in written["batches"]] == [2, 3]
    assert not written["in_caller"]


def test_ops_that_ran_in_the_calling_thread_are_said_to_have(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CALLER_THREAD, "0")
    output = tmp_path / "timings.json"
    arguments += ["--in-caller", "--batch-sizes=2", "--input-shape=4", f"--output={output}"]
    shown = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert os.environ[CALLER_THREAD] == "1"
    assert "the calling thread" in " ".join(shown.output.split())
    assert json.loads(output.read_text())["in_caller"]


def test_a_batch_size_that_is_no_number_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SpecError, match="--batch-sizes '1,two'"):
        CliRunner().invoke(cli, [*arguments, "--batch-sizes=1,two"], catch_exceptions=False)
