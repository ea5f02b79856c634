from pathlib import Path

import pytest
from click.testing import CliRunner

from examples import example
from octavo.cli import cli, main
from octavo.errors import GraphError, SpecError
from octavo.graph import load_graph, save_graph

TEXT = """
    x = Placeholder() shape=<?,2>
    i = Identity(x)
    y = Relu(i)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_graph(example(TEXT), tmp_path / "in.pb")
    return tmp_path / "in.pb"


def run(*args: str) -> str:
    result = CliRunner().invoke(cli, list(args), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def names(path: Path) -> list[str]:
    return list(load_graph(path).nodes)


def test_the_flags_of_the_tutorials(path: Path) -> None:
    out = path.with_name("out.pb")
    run(
        "transform_graph",
        f"--in_graph={path}",
        f"--out_graph={out}",
        "--inputs=x",
        "--outputs=y",
        "--transforms=strip_unused_nodes \\\n remove_nodes(op=Identity)",
        "--output_as_text=true",
    )
    assert names(out) == ["x", "y"]
    assert out.read_text().startswith("node {")


def test_the_list_may_come_from_a_file(path: Path) -> None:
    transforms = path.with_name("transforms.txt")
    transforms.write_text("remove_device\nremove_nodes(op=Identity)\n")
    run("transform-graph", "--in-graph", str(path), "--out-graph", str(path), "--transforms-file", str(transforms))
    assert names(path) == ["x", "y"]


def test_the_list_may_come_from_a_file_behind_an_at_sign(path: Path) -> None:
    transforms = path.with_name("transforms.txt")
    transforms.write_text("remove_device \\\n  remove_nodes(op=Identity)\n")
    run("transform_graph", f"--in_graph={path}", f"--out_graph={path}", f"--transforms=@{transforms}")
    assert names(path) == ["x", "y"]


def test_both_lists_are_one_too_many(path: Path) -> None:
    files = ["--in-graph", str(path), "--out-graph", str(path)]
    with pytest.raises(SpecError, match="both given"):
        run("transform-graph", *files, "--transforms=remove_device", "--transforms-file", str(path))


@pytest.mark.parametrize("name", ["absent.txt", "in.pb"])
def test_a_list_file_that_cannot_be_read_is_told(path: Path, name: str) -> None:
    (path.parent / "in.pb").write_bytes(b"\xff\xfe")
    files = ["--in-graph", str(path), "--out-graph", str(path)]
    for flags in (["--transforms-file", str(path.with_name(name))], [f"--transforms=@{path.with_name(name)}"]):
        with pytest.raises(SpecError, match=f"{name}' cannot be read"):
            run("transform-graph", *files, *flags)


def test_list_and_help_need_no_graph() -> None:
    assert "fold_constants " in run("transform_graph", "--list")
    for flags in (["--help", "remove_nodes"], ["--help=remove-nodes"], ["-h", "remove_nodes"]):
        assert run("transform_graph", *flags).startswith("remove_nodes(op=str, ...")


def test_help_without_a_name_is_that_of_the_command() -> None:
    for flag in ("--help", "-h"):
        text = run("transform_graph", flag)
        assert text.startswith("Usage: ")
        assert all(name in text for name in ("--in-graph", "--out-graph", "--transforms", "--output-as-text"))


def test_help_on_an_unknown_transform_names_near_ones() -> None:
    with pytest.raises(SpecError, match="'renam_op' is not recognized; near names: rename_op"):
        run("transform_graph", "--help", "renam_op")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--in_graph=a"], "Missing option '--out-graph'"),
        (["--in_graph=a", "--out_graph=b", "--zap=1"], "No such option '--zap'"),
        (["--in_graph=a", "--out_graph=b", "extra"], "unexpected extra argument (extra)"),
        (["--in_graph=a", "--out_graph=b", "--output_as_text=maybe"], "'maybe' is no boolean"),
    ],
)
def test_wrong_flags_end_in_status_2(args: list[str], message: str) -> None:
    result = CliRunner().invoke(cli, ["transform_graph", *args])
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("place", ["", "/proc/none/out.pb", "in.pb/out.pb"])
def test_a_file_that_cannot_be_written_is_told(path: Path, place: str) -> None:
    out = str(path.parent / place) if place else str(path.parent)
    with pytest.raises(GraphError, match="cannot be written"):
        run("transform_graph", f"--in_graph={path}", f"--out_graph={out}", "--transforms=remove_device")


def test_a_home_folder_is_found_and_an_unknown_one_is_a_name_as_any(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(path.parent))
    run("transform_graph", "--in_graph=~/in.pb", "--out_graph=~/out.pb", "--transforms=remove_nodes(op=Identity)")
    assert names(path.with_name("out.pb")) == ["x", "y"]
    with pytest.raises(GraphError, match=r"'~nobody-here/in.pb' cannot be read: No such file"):
        run("transform_graph", "--in_graph=~nobody-here/in.pb", f"--out_graph={path}", "--transforms=remove_device")


def test_a_blank_list_is_refused(path: Path) -> None:
    with pytest.raises(SpecError, match="the transform list is empty"):
        run("transform_graph", f"--in_graph={path}", f"--out_graph={path}", "--transforms= ")


@pytest.mark.parametrize(
    "line",
    [
        "transform_graph --in_graph= --out_graph=o.pb --transforms=fold_constants",
        "transform_graph --in_graph=i.pb --out_graph= --transforms=fold_constants",
        "summarize_graph --in_graph=",
        "quantize_graph --input= --output=o.pb --output_node_names=y",
        "quantize_graph --input=i.pb --output= --output_node_names=y --mode=eightbit",
        "clean_control_input --input=i.pb --output=",
        "graph_to_dot --graph= --dot_output=g.dot",
    ],
)
def test_an_empty_name_of_a_file_is_a_wrong_flag_of_every_graph_tool(
    line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
    assert "the path is empty; wanted the name of a file" in capsys.readouterr().err
