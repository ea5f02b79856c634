"""What each stage makes of real models stays what it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stage_digests import FILE, OUTPUTS, QUICKSTART, stages_of

KEPT = json.loads(FILE.read_text())
CHANGED = "look at the difference, then run `.venv/bin/python tests/stage_digests.py`"


def test_the_quick_starts_graphs_are_those_that_were_looked_at(tmp_path: Path) -> None:
    assert dict(stages_of(QUICKSTART, "predict", tmp_path)) == KEPT["quickstart"], CHANGED


@pytest.mark.models
@pytest.mark.parametrize("name", list(OUTPUTS))
def test_a_models_graphs_are_those_that_were_looked_at(test_data: Path, tmp_path: Path, name: str) -> None:
    assert dict(stages_of(test_data / "models" / name, OUTPUTS[name], tmp_path)) == KEPT[name], CHANGED
