"""What a transform list says it did, against the graphs that it made."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from octavo.graph import save_graph
from octavo.graph.text import parse_graph
from octavo.transform_graph.transform import transform_file

NORMS = """
    x = Placeholder() shape=<?,4,4,1> dtype=float32
    w = Const() value=float32<1,1,1,2>[1, 2] dtype=float32
    mean = Const() value=float32<2>[10, 20] dtype=float32
    variance = Const() value=float32<2>[0.25, 1] dtype=float32
    beta = Const() value=float32<2>[0.5, 1] dtype=float32
    gamma = Const() value=float32<2>[1, 3] dtype=float32
    c = Conv2D(x, w) T=float32 strides=[1, 1, 1, 1] padding="SAME"
    b = FusedBatchNormV3(c, gamma, beta, mean, variance) T=float32 U=float32 epsilon=0.001 is_training=false
    y = Relu(b) T=float32
    dead = FusedBatchNormV3(c, gamma, beta, mean, variance) T=float32 U=float32 epsilon=0.001 is_training=false
"""


def said(graph: str, transforms: str, folder: Path, caplog: pytest.LogCaptureFixture, outputs: tuple[str, ...]) -> str:
    save_graph(parse_graph(graph), folder / "in.pb")
    with caplog.at_level(logging.INFO, "octavo.transform_graph"):
        transform_file(folder / "in.pb", folder / "out.pb", transforms, inputs=("x",), outputs=outputs)
    return caplog.messages[-1]


def test_batch_norms_that_were_folded_are_counted_and_those_that_were_dead_are_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = said(NORMS, "strip_unused_nodes fold_old_batch_norms", tmp_path, caplog, ("y",))

    assert line == "2 transforms: 10 nodes became 6; folded 1 batch norm"


def test_a_list_that_stripped_a_batch_norm_has_folded_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    line = said(NORMS, "fold_batch_norms strip_unused_nodes", tmp_path, caplog, ("c",))

    assert line == "2 transforms: 10 nodes became 3"


def test_prints_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    line = said(NORMS, "strip_unused_nodes insert_logging(op=Conv2D)", tmp_path, caplog, ("y",))

    assert line == "2 transforms: 10 nodes became 10; logging 1 node"


def test_one_transform_that_does_nothing_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    line = said(NORMS, "remove_device", tmp_path, caplog, ("y",))

    assert line == "1 transform: 10 nodes became 10"
