"""What is away for a while loses no run."""

from __future__ import annotations

import signal
import time

from cluster.home import Home
from cluster.kube import kubectl
from cluster.node import daemons
from cluster.release import Release
from cluster.store import Store

MINUTE = 60


def test_an_object_store_that_is_away_for_a_minute(release: Release, weed: Store) -> None:
    run = release.begin()
    run.has_done("fetch-model")
    with weed.away():
        time.sleep(MINUTE)
    run.has_done("freeze")

    assert run.workflow["status"]["phase"] == "Running"
    run.delete()


def test_a_node_whose_kubelet_is_away_for_a_minute(release: Release, own: Home) -> None:
    (kubelet,) = [each for each in daemons(own) if each.name == "kubelet"]
    run = release.begin()
    run.pod("summarize")
    kubelet.signal(own, signal.SIGSTOP)
    try:
        time.sleep(MINUTE)
        assert "Unknown" in kubectl(
            "get", "node", "node", "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        )
    finally:
        kubelet.signal(own, signal.SIGCONT)
    run.has_done("freeze")

    assert run.workflow["status"]["phase"] == "Running"
    run.delete()
