"""`octavo quantize_graph` with the flags of the originals: what each means, and which are refused with what reason."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from graphs import build, run
from octavo.cli import main
from octavo.graph import Graph, load_graph, save_graph


def net(tf: Any, x: Any) -> Any:
    rng = np.random.default_rng(0)
    y = tf.nn.conv2d(x, rng.normal(size=(3, 3, 4, 8)).astype(np.float32), 1, "SAME", name="conv")
    y = tf.reshape(tf.nn.max_pool2d(tf.nn.relu(y, name="relu"), 8, 8, "VALID"), [-1, 8])
    return tf.matmul(y, rng.normal(size=(8, 5)).astype(np.float32), name="dense")


X = np.random.default_rng(1).normal(size=(2, 8, 8, 4)).astype(np.float32)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return build(net, (None, 8, 8, 4))


@pytest.fixture
def folder(graph: Graph, tmp_path: Path) -> Path:
    save_graph(graph, tmp_path / "fp32.pb")
    return tmp_path


def octavo(folder: Path, flags: str, *, status: int = 0, source: str = "fp32.pb") -> str:
    """Run the command; its standard error."""
    command = f"quantize_graph --input={source} --output=out.pb --output_node_names=out {flags}"
    said, printed = io.StringIO(), io.StringIO()
    with pytest.raises(SystemExit) as end, chdir(folder), redirect_stderr(said), redirect_stdout(printed):
        main(shlex.split(command))
    assert end.value.code == status, said.getvalue()
    return said.getvalue()


def written(folder: Path) -> Graph:
    return load_graph(folder / "out.pb").with_ends(["x"], ["out"])


def ops(graph: Graph) -> set[str]:
    return {n.op for n in graph.nodes.values()}


@pytest.mark.parametrize(
    ("flags", "op"),
    [
        ("", "RequantizationRange"),
        ("--intel_cpu_eightbitize=True --mode=eightbit", "RequantizationRange"),
        ("--mode=eightbit", "QuantizedConv2D"),
        ("--intel_cpu_eightbitize=false", "QuantizedConv2D"),
        ("--mode=weights", "Dequantize"),
        ("--mode=weights_rounded --bitdepth=4", "Conv2D"),
    ],
    ids=["default", "onednn", "mode_alone", "generic", "weights", "rounded"],
)
def test_each_mode_writes_a_graph_that_runs_and_its_verdicts(folder: Path, graph: Graph, flags: str, op: str) -> None:
    octavo(folder, flags)
    exact, found = run(graph, X)[0], run(written(folder), X)[0]
    assert op in ops(written(folder))
    assert np.sqrt(np.mean(exact**2) / np.mean((found - exact) ** 2)) > (8 if "bitdepth" in flags else 25)
    verdicts = json.loads((folder / "out.pb.decisions.json").read_text())
    assert verdicts["recipe"]
    assert all(node["verdict"] == "INT8" for node in verdicts["nodes"])


def test_the_generic_ops_do_not_need_onednn(folder: Path) -> None:
    """Unlike the ops under Intel's names, these run where TensorFlow does not rewrite graphs."""
    flags = "--input=fp32.pb --output=out.pb --output_node_names=out --mode=eightbit"
    done = subprocess.run(
        [sys.executable, "-m", "octavo.cli", "quantize_graph", *flags.split()],
        cwd=folder,
        env={**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "QuantizedConv2D" in ops(written(folder))


def test_explain_reads_the_verdicts(folder: Path) -> None:
    octavo(folder, "--mode=eightbit --excluded_ops=MaxPool --decisions=decisions.json")
    from octavo.cli import cli

    said = CliRunner().invoke(cli, ["explain", str(folder / "decisions.json")])
    assert said.exit_code == 0
    assert "--excluded_ops has 'MaxPool'" in said.output


def test_weights_leave_the_arithmetic_alone(folder: Path, graph: Graph) -> None:
    octavo(folder, "--mode=weights")
    assert (folder / "out.pb").stat().st_size < 0.8 * (folder / "fp32.pb").stat().st_size + 1500
    assert ops(written(folder)) == ops(graph) | {"Dequantize"}


def test_text_in_and_text_out(folder: Path, graph: Graph) -> None:
    save_graph(graph, folder / "fp32.pbtxt", as_text=True)
    for flags in ("--mode=weights_rounded", "--mode=eightbit", ""):
        octavo(folder, f"{flags} --output_binary=False --input_binary=false", source="fp32.pbtxt")
        assert (folder / "out.pb").read_text().startswith("node {")
        assert np.abs(run(written(folder), X)[0] - run(graph, X)[0]).max() < 2


def test_fed_codes_and_fallback_ranges(folder: Path, graph: Graph) -> None:
    flags = "--mode=eightbit --quantized_input --quantized_input_min=-2.55 --quantized_input_max=2.55"
    octavo(folder, f"{flags} --quantized_fallback_min=-160 --quantized_fallback_max=160")
    found = written(folder)
    assert "RequantizationRange" not in ops(found)
    codes = np.random.default_rng(0).integers(0, 256, X.shape, np.uint8)
    exact = run(graph, (codes.astype(np.float32) - 128) * np.float32(0.02))[0]
    assert np.sqrt(np.mean(exact**2) / np.mean((run(found, codes)[0] - exact) ** 2)) > 5


def test_pairs_stay_on_request(folder: Path, graph: Graph) -> None:
    octavo(folder, "--mode=eightbit --strip_redundant_quantization=False")
    pairs = [n for n in written(folder).nodes.values() if n.op == "QuantizeV2"]
    assert len(pairs) > 3
    assert np.abs(run(written(folder), X)[0] - run(graph, X)[0]).max() < 1


def test_flags_that_did_nothing_in_the_original_are_accepted(folder: Path) -> None:
    said = octavo(folder, "--mode=weights --print_nodes=True --test_input_dims=1,8,8,4 --model_name=R-FCN")
    assert said == "note: --model_name=R-FCN changes nothing: octavo decides by the graph\n"


GENERIC = "--mode=eightbit --intel_cpu_eightbitize=False"


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("--mode=round", "--mode=round is not supported: it needs the op RoundToSteps, which no TensorFlow since 1.0"),
        ("--mode=quantize", "--mode=quantize is not supported: it ended in a KeyError"),
        ("--mode=test", "--mode=test is not supported: it was accepted and then refused"),
        ("--mode=weights --intel_cpu_eightbitize=True", "--intel_cpu_eightbitize=True goes with --mode=eightbit"),
        ("--mode=weights_rounded --bitdepth=30", "--bitdepth is 30; wanted 0 to 24"),
        ("--bitdepth=4", "--bitdepth does not go with --intel_cpu_eightbitize=True: only --mode=weights_rounded"),
        (f"{GENERIC} --bitdepth=7", "--bitdepth does not go with --mode=eightbit --intel_cpu_eightbitize=False"),
        (f"{GENERIC} --per_channel=True", "--per_channel does not go with"),
        (f"{GENERIC} --recipe=r.yaml", "a recipe is for oneDNN's kernels"),
        ("--strip_redundant_quantization=False", "only the generic route makes pairs"),
        ("--quantized_input=True", "only the generic route takes codes as input"),
        ("--mode=weights --quantized_input=True", "only the generic route takes codes as input"),
        ("--quantized_fallback_min=0", "only the generic route measures ranges as it runs"),
        ("--mode=weights --excluded_ops=Conv2D", "constants are changed whatever reads them"),
        (f"{GENERIC} --quantized_fallback_min=0", "--quantized_fallback_max go together; got one of them"),
        (f"{GENERIC} --quantized_input --quantized_input_min=2", "quantized_input_min=2 and --quantized_input_max=1"),
        (f"{GENERIC} --quantized_input_max=6", "mean nothing without --quantized_input=True"),
        (f"{GENERIC} --quantized_input --quantized_input_max=inf", "make no range"),
        (f"{GENERIC} --excluded_nodes=cnv", "--excluded_nodes: 'cnv' matches none of the 5 ops"),
        (f"{GENERIC} --input_node_names=y", "no node named 'y' among"),
        ("--mode=eightbits", "--mode=eightbits is unknown; wanted eightbit, weights or weights_rounded"),
    ],
)
def test_what_means_nothing_is_refused_with_the_reason(folder: Path, flags: str, reason: str) -> None:
    said = octavo(folder, flags, status=2)
    assert reason in said
    assert not (folder / "out.pb").exists()


@pytest.mark.parametrize("name", ["/notafile", "%00", "字"])
@pytest.mark.parametrize("flags", ["", "--mode=eightbit", "--mode=weights"])
def test_a_missing_file_is_named(folder: Path, name: str, flags: str) -> None:
    said = octavo(folder, flags, status=2, source=name)
    assert f"the graph file {name!r} cannot be read: No such file or directory" in said


def test_a_graph_of_unknown_shape_is_loaded_and_not_run_and_says_so(folder: Path) -> None:
    save_graph(build(lambda tf, x: tf.nn.relu(x), (None, None, 3)), folder / "fp32.pb")
    said = octavo(folder, "--mode=eightbit")
    assert "loaded, but not run: the shape of the input 'x' is not known" in said


def test_a_graph_that_never_ran_on_random_input_is_written_and_says_so(folder: Path) -> None:
    def picky(tf: Any, x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(x > 5), [x])]):
            return tf.nn.relu(x)

    save_graph(build(picky, (None, 3)), folder / "fp32.pb")
    said = octavo(folder, "--mode=eightbit")
    assert "it fails on random input, as does the graph that it was made from" in said
    assert "QuantizedRelu" in ops(load_graph(folder / "out.pb"))


def test_the_help_names_every_flag_of_the_originals() -> None:
    from octavo.quantize_graph.command import command

    flags = {name.removeprefix("--").replace("-", "_") for p in command.params for name in p.opts}
    original = {
        *("input", "output", "input_binary", "output_binary", "print_nodes", "output_node_names", "bitdepth", "mode"),
        *("test_input_dims", "strip_redundant_quantization", "quantized_input", "quantized_input_min"),
        *("quantized_input_max", "quantized_fallback_min", "quantized_fallback_max", "intel_cpu_eightbitize"),
        *("model_name", "excluded_ops", "excluded_nodes", "per_channel"),
    }
    assert original <= flags


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        ("", "conv_eightbit_requantize"),
        ("--mode=eightbit", "conv_eightbit_requantize"),
        ("--mode=weights", "conv/filter_min"),
    ],
    ids=["onednn", "generic", "weights"],
)
def test_a_graph_that_has_a_name_of_quantize_graphs_own_is_refused(folder: Path, flags: str, name: str) -> None:
    def body(tf: Any, x: Any) -> Any:
        kernel = tf.constant(np.ones((3, 3, 4, 8), np.float32), name="conv/filter")
        return tf.nn.relu(tf.nn.conv2d(x, kernel, 1, "SAME", name="conv")) + tf.constant(1.0, name=name)

    save_graph(build(body, (None, 8, 8, 4)), folder / "fp32.pb")
    said = octavo(folder, flags, status=2)
    assert f"the graph already has a node named {name!r}" in said
    assert "give the float graph; else rename that node with transform_graph" in said
    assert not (folder / "out.pb").exists()


@pytest.mark.parametrize("flags", ["", "--mode=eightbit"], ids=["onednn", "generic"])
def test_a_graph_that_was_quantized_before_is_refused(folder: Path, flags: str) -> None:
    octavo(folder, flags)
    (folder / "out.pb").rename(folder / "first.pb")
    said = octavo(folder, flags, status=2, source="first.pb")
    assert "the graph is quantized already: it has the RequantizationRange" in said
    assert not (folder / "out.pb").exists()
