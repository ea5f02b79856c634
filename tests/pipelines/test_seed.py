"""Calibrating on examples chosen at random."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from octavo.quantize.quantize import Files, Job, int8_graph
from octavo.recipe import Recipe
from quickstart import QUICKSTART, run_pipeline


def quantized(folder: Path, calibration: str = str(QUICKSTART.calibration), **settings: Any) -> tuple[bytes, list[str]]:
    """The INT8 graph and the log's lines of the quick start's model, calibrated on 40 examples."""
    files = Files(folder)
    job = Job(
        model=str(QUICKSTART.model),
        calibration=calibration,
        validation=None,
        preprocessing="unit",
        recipe=Recipe(),
        limit=40,
        **settings,
    )
    folder.mkdir()
    int8_graph(job, files, nullcontext)
    return files.int8.read_bytes(), files.log.read_text().splitlines()


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[str]]:
    """Of seed 7, in one process."""
    return quantized(tmp_path_factory.mktemp("seed") / "7", seed=7)


@pytest.mark.int8
def test_a_seed_gives_the_same_bytes_from_three_shards_in_two_processes(
    chosen: tuple[bytes, list[str]], tmp_path: Path
) -> None:
    assert quantized(tmp_path / "again", seed=7, shards=3, workers=2) == chosen


@pytest.mark.int8
def test_a_relative_path_gives_the_same_bytes(
    chosen: tuple[bytes, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(QUICKSTART.calibration.parents[1])

    assert quantized(tmp_path / "relative", "quickstart/calibration.npz", seed=7) == chosen


@pytest.mark.int8
def test_another_seed_and_none_take_other_examples(chosen: tuple[bytes, list[str]], tmp_path: Path) -> None:
    others = [quantized(tmp_path / str(seed), seed=seed)[1] for seed in (0, 8)]

    assert others[0] != chosen[1]
    assert others[1] != chosen[1]
    assert others[0] != others[1]


@pytest.mark.int8
@pytest.mark.pipeline
def test_the_pipeline_takes_the_examples_that_the_command_line_takes_from_relative_paths(
    chosen: tuple[bytes, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(QUICKSTART.calibration, tmp_path / "data/calibration.npz")
    shutil.copytree(QUICKSTART.model, tmp_path / "data/model")
    with np.load(QUICKSTART.validation) as arrays:  # few: accuracy is not the matter here
        np.savez(tmp_path / "data/validation.npz", **{name: values[:20] for name, values in arrays.items()})
    monkeypatch.chdir(tmp_path)

    done = run_pipeline(
        "--model=data/model",
        "--calibration=data/calibration.npz",
        "--validation=data/validation.npz",
        "--seed=7",
        "--limit=40",
        "--tolerance=100",
        "--target=target",
        "--work=work",
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "target" / "int8.pb").read_bytes() == chosen[0]
