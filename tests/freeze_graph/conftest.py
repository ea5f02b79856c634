"""Small models, written by TensorFlow once for all tests of this folder."""

from __future__ import annotations

import pytest

from small_models import TrainingRun, write_training_run


@pytest.fixture(scope="session", params=["references", "resources"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> TrainingRun:
    """A training run with ref variables, and one with resource variables."""
    return write_training_run(tmp_path_factory.mktemp(request.param), resources=request.param == "resources")
