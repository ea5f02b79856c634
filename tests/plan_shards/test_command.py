from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from images import write_arrays
from octavo.cli import cli

SHARDS = [{"index": 0, "start": 0, "stop": 4}, {"index": 1, "start": 4, "stop": 7}]


def test_prints_and_writes_the_shards(tmp_path: Path) -> None:
    data = write_arrays(tmp_path / "d.npz", x=np.zeros((9, 2, 2, 1), np.uint8))
    arguments = f"plan_shards --dataset={data} --shards=2 --batch_size=4 --limit=7 --output={tmp_path / 's.json'}"
    result = CliRunner().invoke(cli, arguments.split(), catch_exceptions=False)
    assert [json.loads(line) for line in result.output.splitlines()] == SHARDS
    assert json.loads((tmp_path / "s.json").read_text()) == SHARDS
