from __future__ import annotations

import pytest
import yaml

from compile_catalog import CATALOG
from octavo.errors import SpecError
from octavo.run_parameters import MOST_INDEXES, MOST_TURNS, Flavour, check_run, runs_in_job
from quickstart import PIPELINE


@pytest.mark.parametrize(
    ("component", "in_job"),
    [("calibrate_in_job", True), ("evaluate_in_job", True), ("calibrate", False), ("evaluate_shard", False)],
)
def test_a_compiled_pipeline_tells_whether_its_shards_are_a_job(component: str, in_job: bool) -> None:
    compiled = next(yaml.safe_load_all((CATALOG / f"{component}.yaml").read_text()))
    containers = [each["container"] for each in compiled["deploymentSpec"]["executors"].values()]

    assert runs_in_job(containers) is in_job


def test_the_pipeline_as_it_is_has_loops() -> None:
    compiled = next(yaml.safe_load_all((PIPELINE / "pipeline.yaml").read_text()))

    assert not runs_in_job(each["container"] for each in compiled["deploymentSpec"]["executors"].values())


@pytest.mark.parametrize("flavour", MOST_TURNS)
def test_a_job_of_each_evaluation_has_a_limit_of_its_own(flavour: Flavour) -> None:
    check_run({"shards": MOST_INDEXES, "evaluation_shards": MOST_INDEXES}, flavour, in_job=True)

    for name in ("shards", "evaluation_shards"):
        with pytest.raises(SpecError, match=f"^{name} is 10001; wanted 10000 or fewer"):
            check_run({name: MOST_INDEXES + 1}, flavour, in_job=True)
        with pytest.raises(SpecError, match=r"shards of an Indexed Job \(indexedJob.enabled in the chart's values\)"):
            check_run({name: MOST_INDEXES}, flavour)
