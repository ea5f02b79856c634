"""The size of a run on Kubeflow, calculated from the compiled pipeline and compared with a real one."""

from __future__ import annotations

from typing import Any

import pytest

from octavo.run_parameters import MOST_TURNS
from run_size import run_size, turn_size

Documents = tuple[dict[str, Any], dict[str, Any]]

TURNS = {"Calibrate shard": 4, "Evaluate shard": 4}
"""The default run's: 4 shards, and 2 by each of two graphs."""

MEASURED = 878_262
"""Bytes of the node states of a real default run on Kubeflow Pipelines 2.17 and Argo Workflows 4.0.5: 224 nodes."""

SPECIFICATION = 103_000
"""Bytes of its Workflow besides them, of 981,068 in all."""

MOST = 2**20
"""Bytes of a Workflow above which Argo compresses the node states, and Kubernetes' own limit of what is left."""

RATIO = 9.2
"""How many times smaller the states of a real run became; more turns are more alike."""


def test_the_formula_gives_what_a_real_run_took_within_five_percent(documents: Documents) -> None:
    assert run_size(*documents, TURNS) == pytest.approx(MEASURED, rel=0.05)


def test_the_default_run_is_not_compressed_so_that_its_tasks_can_be_followed(documents: Documents) -> None:
    size = run_size(*documents, TURNS)

    assert size < 890_000
    assert size + SPECIFICATION < MOST


def test_the_largest_run_that_is_let_through_fits_into_its_object(documents: Documents) -> None:
    most = MOST_TURNS["Kubeflow Pipelines"]
    size = run_size(*documents, {"Calibrate shard": most - 4, "Evaluate shard": 4})

    assert size / RATIO + SPECIFICATION < MOST


@pytest.mark.parametrize("turn", TURNS)
def test_a_turn_stays_small(turn: str, documents: Documents) -> None:
    assert turn_size(*documents, turn) < 30_000
