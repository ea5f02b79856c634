"""A controller whose executor runs as another user than the steps."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cluster.home import Home
from cluster.kube import get
from cluster.release import Release
from cluster.workflows import NAMESPACE, set_executor_user

OTHER_USER = 65532


@pytest.fixture(autouse=True)
def _as_another_user(own: Home) -> Iterator[None]:
    set_executor_user(own, OTHER_USER)
    try:
        yield
    finally:
        set_executor_user(own, None)


def test_steps_read_the_folders_and_the_files_that_it_fetches(release: Release) -> None:
    assert str(OTHER_USER) in str(get(NAMESPACE, "configmap", "workflow-controller-configmap")["data"])
    run = release.begin()
    run.has_done("optimize")

    assert {each["phase"] for step in ("summarize", "freeze", "optimize") for each in run.tries(step)} == {"Succeeded"}
    run.delete()
