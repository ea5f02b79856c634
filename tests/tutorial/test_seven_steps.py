"""The seven steps of Intel's tutorial by hand: its flags, octavo's program names, a log of the user's own making."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from octavo.cli import main
from octavo.graph.proto import load_graph
from octavo.graph.tensors import const_value
from quickstart import QUICKSTART

SCRIPT = Path(__file__).with_name("plain_inference.py")
IMAGES, BATCH = 100, 20
RECORD = re.compile(
    r";([^\s;]+_eightbit_requant_range[^\s;]*)__print__;__requant_min_max:\[[^\s\]]+\]\[[^\s\]]+\](?=;|$)", re.MULTILINE
)


@dataclass(frozen=True)
class Subject:
    """A model with its checkpoint, its data, and what is known of its accuracy.

    Attributes:
        model: the folder with graph.pbtxt and model.ckpt.
        mean, std: of pixels / 255, as the plain script takes them.
        fp32: top-1 of the FP32 model in percent, to be met within a tenth of a point.
        tolerance: points of top-1 that INT8 may lose.
    """

    model: Path
    calibration: Path
    validation: Path
    preprocessing: str
    mean: str
    std: str
    fp32: float
    tolerance: float


@dataclass(frozen=True)
class Tutorial:
    """What the seven steps left behind in a folder."""

    folder: Path
    inputs: str
    outputs: str

    def steps_6c_and_7(self, log: Path, int8: Path) -> None:
        """Freeze the log's ranges into the dynamic-range graph, and fuse."""
        ranged = int8.with_suffix(".ranged.pb")
        octavo(f"""transform_graph
            --in_graph={self.folder}/quantized_dynamic_range_graph.pb
            --out_graph={ranged}
            --transforms='freeze_requantization_ranges(min_max_log_file="{log}")'""")
        octavo(f"""transform_graph --in_graph={ranged} --out_graph={int8} --inputs={self.inputs}
            --outputs={self.outputs} --transforms='fuse_quantized_conv_and_requantize strip_unused_nodes'""")


def octavo(command: str) -> str:
    """Run a command line as the `octavo` program would; what it printed, both streams."""
    said = io.StringIO()
    with pytest.raises(SystemExit) as end, redirect_stdout(said), redirect_stderr(said):
        main(shlex.split(command))
    assert end.value.code == 0, said.getvalue()
    return said.getvalue()


def run_plain_script(graph: Path, subject: Subject, inputs: str, outputs: str) -> str:
    """Standard error of a TensorFlow program that has never heard of octavo, TensorFlow's own notices included."""
    arguments = [graph, inputs, outputs, subject.calibration, IMAGES, BATCH, subject.mean, subject.std]
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(
        [sys.executable, SCRIPT, *map(str, arguments)],
        env=environment,
        cwd=graph.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr


def quickstart(_: pytest.FixtureRequest) -> Subject:
    data = (QUICKSTART.calibration, QUICKSTART.validation)
    return Subject(QUICKSTART.model, *data, "unit", mean="0", std="1", fp32=98.9, tolerance=0.5)


def resnet20(request: pytest.FixtureRequest) -> Subject:
    root = request.getfixturevalue("test_data")
    model = root / "models" / "cifar10_resnet20_checkpoint"
    data = (root / "cifar10" / "calibration.npz", root / "cifar10" / "test.npz")
    mean, std = "0.485,0.456,0.406", "0.229,0.224,0.225"
    return Subject(model, *data, "torch", mean=mean, std=std, fp32=81.75, tolerance=2.0)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(quickstart, id="quick start"),
        pytest.param(resnet20, id="ResNet-20", marks=pytest.mark.models),
    ],
)
def subject(request: pytest.FixtureRequest) -> Subject:
    make: Callable[[pytest.FixtureRequest], Subject] = request.param
    return make(request)


@pytest.fixture(scope="module")
def tutorial(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> Tutorial:
    """The seven steps, one after the other."""
    folder = tmp_path_factory.mktemp("tutorial")
    inputs, outputs = step_1(subject)
    octavo(f"""freeze_graph
        --input_graph={subject.model}/graph.pbtxt
        --output_graph={folder}/freezed_graph.pb
        --input_binary False
        --input_checkpoint={subject.model}/model.ckpt
        --output_node_names {outputs}""")
    octavo(f"""transform_graph
        --in_graph={folder}/freezed_graph.pb
        --out_graph={folder}/optimized_graph.pb
        --inputs={inputs}
        --outputs={outputs}
        --transforms='fold_batch_norms'""")
    octavo(f"""quantize_graph
        --input={folder}/optimized_graph.pb
        --output={folder}/quantized_dynamic_range_graph.pb
        --output_node_names={outputs}
        --mode=eightbit
        --intel_cpu_eightbitize=True""")
    octavo(f"""transform_graph
        --in_graph={folder}/quantized_dynamic_range_graph.pb
        --out_graph={folder}/logged_quantized_graph.pb
        --transforms='insert_logging(op=RequantizationRange, show_name=true, message="__requant_min_max:")'""")
    log = folder / "min_max_log.txt"
    log.write_text(run_plain_script(folder / "logged_quantized_graph.pb", subject, inputs, outputs))
    done = Tutorial(folder, inputs, outputs)
    done.steps_6c_and_7(log, folder / "int8.pb")
    return done


def step_1(subject: Subject) -> tuple[str, str]:
    """The names of input and output, read from what summarize_graph prints."""
    model_nodes = octavo(f"summarize_graph --in_graph={subject.model}/graph.pbtxt --print_structure=false")
    inputs, outputs = re.findall(r"Found 1 possible (?:inputs|outputs): \(name=([^,]+),", model_nodes)
    return inputs, outputs


def top1(graph: Path, subject: Subject, outputs: str) -> float:
    """What `octavo evaluate` measures on the labelled images, in percent."""
    evaluation = graph.with_suffix(".evaluation.json")
    octavo(f"""evaluate --in_graph={graph} --dataset={subject.validation} --preprocessing={subject.preprocessing}
        --outputs={outputs} --output={evaluation}""")
    return float(json.loads(evaluation.read_text())["top1"])


@pytest.mark.int8
def test_the_int8_model_is_as_accurate_as_the_fp32_one(tutorial: Tutorial, subject: Subject) -> None:
    fp32 = top1(tutorial.folder / "optimized_graph.pb", subject, tutorial.outputs)
    int8 = top1(tutorial.folder / "int8.pb", subject, tutorial.outputs)

    assert fp32 == pytest.approx(subject.fp32, abs=0.1)
    assert int8 >= fp32 - subject.tolerance


@pytest.mark.int8
def test_every_conv_runs_on_an_int8_kernel(tutorial: Tutorial) -> None:
    verdicts = json.loads((tutorial.folder / "quantized_dynamic_range_graph.pb.decisions.json").read_text())["nodes"]
    optimized = load_graph(tutorial.folder / "optimized_graph.pb").nodes
    fp32 = Counter(node.op for node in optimized.values())
    int8 = Counter(node.op for node in load_graph(tutorial.folder / "int8.pb").nodes.values())

    assert {entry["verdict"] for entry in verdicts if "Conv" in entry["op"]} == {"INT8"}
    pads = [const_value(optimized[node.inputs[1]]) for node in optimized.values() if node.op == "Pad"]
    widening = sum(not each[:3].any() for each in pads)  # zeros around channels become convs
    assert int8["_FusedQuantizedConv2D"] == fp32["Conv2D"] + widening
    assert int8["_FusedQuantizedDepthwiseConv2D"] == fp32["DepthwiseConv2dNative"] + fp32["Mean"]  # means add codes
    assert not {"Conv2D", "DepthwiseConv2dNative", "Mean", "RequantizationRange"} & int8.keys()


@pytest.mark.int8
def test_the_log_has_a_record_in_the_tutorials_words_for_each_range_and_batch(tutorial: Tutorial) -> None:
    text = (tutorial.folder / "min_max_log.txt").read_text()
    records = Counter(found[1] for found in RECORD.finditer(text))  # two threads may have put two on one line
    nodes = load_graph(tutorial.folder / "quantized_dynamic_range_graph.pb").nodes.values()

    assert records == {node.name: IMAGES // BATCH for node in nodes if node.op == "RequantizationRange"}
    assert records.total() == text.count("__requant_min_max:")


def noisy(log: str) -> str:
    """The log as another program might have captured it: prefixes, lines between, two records on one line."""
    records = [line for line in log.splitlines() if line.startswith(";")]
    lines = [f"2020-06-02 10:11:12.{n:06} W logging_ops.cc:81] {line}" for n, line in enumerate(records)]
    return "\n".join(["Epoch 1: [0.25][0.75]", *lines[:2], "", lines[2] + records[3], "top-1 0.817", *lines[4:]])


@pytest.mark.int8
def test_a_log_in_another_guise_gives_the_same_graph(tutorial: Tutorial, tmp_path: Path) -> None:
    log, int8 = tmp_path / "log.txt", tmp_path / "int8.pb"
    text = (tutorial.folder / "min_max_log.txt").read_text()
    log.write_text(noisy(text))
    tutorial.steps_6c_and_7(log, int8)

    assert log.read_text() != text
    assert int8.read_bytes() == (tutorial.folder / "int8.pb").read_bytes()


def test_the_plain_script_knows_nothing_of_octavo() -> None:
    imported = re.findall(r"^(?:import|from) (\w+)", SCRIPT.read_text(), re.MULTILINE)

    assert imported == ["sys", "numpy", "tensorflow"]
