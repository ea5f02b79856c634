"""What `octavo explain` prints of every verdict."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from octavo.cli import cli
from octavo.errors import DataError
from octavo.explain.explain import explain
from octavo.explain.text import lines, table
from written import result

NODES: list[dict[str, Any]] = [
    {"name": "conv", "op": "Conv2D", "verdict": "INT8", "rule": "Conv2D + BiasAdd + Relu"},
    {"name": "mid", "op": "Conv2D", "verdict": "INT8", "rule": "Conv2D", "stopped": "Sigmoid 's' follows"},
    {
        "name": "head[red]",
        "op": "Conv2D",
        "verdict": "FP32",
        "kind": "excluded",
        "reason": "recipe: excluded_nodes has 'head.*'",
        "at": "head[red]",
        "way_out": "take the rule out of the recipe, or add an override for this node with precision: int8",
    },
    {"name": "dense", "op": "MatMul", "verdict": "INT8", "rule": "MatMul", "note": "its bias stays float32"},
]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "decisions.json"
    path.write_text(json.dumps({"octavo": "1", "recipe": {}, "nodes": NODES}))
    return path


def run(*arguments: object) -> str:
    return CliRunner().invoke(cli, ["explain", *map(str, arguments)], catch_exceptions=False).output


def test_a_pipe_gets_plain_lines(written: Path) -> None:
    assert run(written).splitlines() == [
        "INT8  conv  (Conv2D)  Conv2D + BiasAdd + Relu",
        "INT8  mid  (Conv2D)  Conv2D",
        "      left in float: Sigmoid 's' follows",
        "FP32  head[red]  (Conv2D)  excluded: recipe: excluded_nodes has 'head.*'",
        "      to change it: take the rule out of the recipe, or add an override for this node with precision: int8",
        "INT8  dense  (MatMul)  MatMul",
        "      note: its bias stays float32",
        "Conv2D: 2 INT8, 1 FP32",
        "MatMul: 1 INT8, 0 FP32",
        "all: 3 INT8, 1 FP32",
    ]


def test_a_terminal_gets_a_table_that_takes_names_for_names(written: Path) -> None:
    terminal = StringIO()
    Console(file=terminal, width=160, color_system=None).print(table(explain(str(written))))
    shown = terminal.getvalue()
    assert "head[red]" in shown
    assert "left in float: Sigmoid 's' follows" in shown
    assert "all: 3 INT8, 1 FP32" in shown


def test_only_one_kind_of_verdict_is_listed_but_all_are_counted(written: Path) -> None:
    found = explain(str(written), only="fp32")
    assert [n.name for n in found.nodes] == ["head[red]"]
    assert found.by_op["Conv2D"].INT8 == 2
    assert [n.name for n in explain(str(written), only="int8").nodes] == ["conv", "mid", "dense"]


def test_json_holds_the_way_out(written: Path) -> None:
    told = json.loads(run(written, "--format=json", "--only=fp32"))
    assert told["counts"] == {"INT8": 3, "FP32": 1}
    assert "override" in told["nodes"][0]["way_out"]


def test_a_folder_is_searched_for_the_fullest_document(written: Path) -> None:
    folder = written.parent
    (folder / "summary.json").write_text("{}")
    assert len(explain(str(folder)).nodes) == 4
    written.rename(folder / "dynamic.pb.decisions.json")
    assert len(explain(str(folder)).nodes) == 4


def test_a_published_model_tells_what_stayed_fp32(tmp_path: Path) -> None:
    left = [{"name": "c", "op": "Conv2D", "reason": "its weights are not a Const", "way_out": "freeze the variables"}]
    (tmp_path / "summary.json").write_text(result(quantized={"INT8": 7, "FP32": 1}, fp32_nodes=left))
    told = list(lines(explain(str(tmp_path))))
    assert told[:2] == ["FP32  c  (Conv2D)  its weights are not a Const", "      to change it: freeze the variables"]
    assert told[2] == "all: 7 INT8, 1 FP32"
    assert "lists the FP32 nodes alone" in told[3]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "no decisions.json and no summary.json"),
        ({"a.decisions.json": "{}", "b.decisions.json": "{}"}, "2 files named .*; name one"),
        ({"decisions.json": '{"nodes": [{"name": "a"}]}'}, r"holds no verdicts: nodes\.0\.op"),
        ({"decisions.json": "<html>"}, "holds no verdicts"),
    ],
    ids=["empty", "two", "other", "no_json"],
)
def test_a_folder_without_verdicts_is_an_error(files: dict[str, str], message: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        explain(str(tmp_path))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no '.*nothing\.json'"):
        explain(str(tmp_path / "nothing.json"))


def test_verdicts_of_a_version_that_wrote_no_way_out_are_read(written: Path) -> None:
    written.write_text(written.read_text().replace('"way_out"', '"of_later"'))
    assert [node.way_out for node in explain(str(written)).nodes] == [None] * 4


def test_the_recipes_schema_names_every_field() -> None:
    schema = json.loads(run("--recipe-schema"))
    assert {"overrides", "first_layer", "last_layer", "bias", "equalize_weights"} <= schema["properties"].keys()
