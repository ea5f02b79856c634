"""The steps that use a store, over a bad line: a right result, or an error that names the object; nothing in halves."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from images import encoded, noise
from logged import logged_graph
from octavo.calibrate.calibrate import calibrate_file
from octavo.data.shard import Shard
from octavo.errors import OctavoError
from octavo.fetch_model.fetch import fetch_model
from octavo.graph import save_graph
from octavo.publish_model.publish import publish_model
from octavo.storage import claim, list_objects, read_bytes, upload
from proxy import CuttingProxy
from records import write_records
from servers import StorageServer
from written import result

ENDPOINTS = {"s3": "S3_ENDPOINT", "gs": "STORAGE_EMULATOR_HOST"}
SECONDS = 90
"""No step may take longer, whatever the line does: two stalls of 8 s and their retries for each of a few requests."""


@dataclass(frozen=True)
class Line:
    """A server, and the proxy in front of it that may be told to misbehave."""

    server: StorageServer
    proxy: CuttingProxy

    def spoil(self, chance: random.Random) -> None:
        """Misbehave for the next requests: refuse, cut, reset, or be slow."""
        proxy = self.proxy
        proxy.refusals, proxy.cuts, proxy.most_cuts = chance.randrange(3), 0, chance.randrange(4)
        proxy.resets, proxy.pause_seconds = chance.random() < 0.5, chance.choice([0.0, 0.002])
        proxy.to_server, proxy.to_client = chance.choice([(30_000, None), (None, 30_000), (100, None), (None, 100)])

    def mend(self) -> None:
        """Behave again."""
        proxy = self.proxy
        proxy.refusals, proxy.pause_seconds, proxy.to_server, proxy.to_client = 0, 0.0, None, None


@pytest.fixture(params=[pytest.param(scheme, marks=pytest.mark.servers) for scheme in ENDPOINTS])
def line(
    request: pytest.FixtureRequest,
    cutting_proxy: Callable[[str], CuttingProxy],
    monkeypatch: pytest.MonkeyPatch,
) -> Line:
    server: StorageServer = request.getfixturevalue("gcs_server" if request.param == "gs" else "s3_server")
    server.use(monkeypatch)
    proxy = cutting_proxy(server.endpoint)
    monkeypatch.setenv(ENDPOINTS[request.param], proxy.endpoint)
    monkeypatch.setattr(claim, "LEASE_SECONDS", 1.0)
    return Line(server.with_fresh_bucket(), proxy)


def tried(line: Line, seed: int, work: Callable[[], object]) -> bool:
    """Whether the work was done over a spoilt line; where not, that its error names an object, and in time."""
    line.spoil(random.Random(seed))
    start = time.monotonic()
    try:
        work()
    except OctavoError as fault:
        told = str(fault)
    else:
        told = ""
    line.mend()
    assert time.monotonic() - start < SECONDS
    assert not told or f"{line.server.scheme}://" in told
    return not told


@pytest.mark.parametrize("seed", range(3))
def test_a_model_is_fetched_whole_or_not_at_all(line: Line, seed: int, tmp_path: Path) -> None:
    content = hashlib.shake_256(b"model").digest(400_000)
    (tmp_path / "m.pb").write_bytes(content)
    upload(tmp_path / "m.pb", line.server.uri("m.pb"))
    target = tmp_path / "model"
    if tried(line, seed, lambda: fetch_model(line.server.uri("m.pb"), target)):
        assert (target / "files" / "m.pb").read_bytes() == content
    else:
        assert not target.exists()
    fetch_model(line.server.uri("m.pb"), target)
    assert (target / "files" / "m.pb").read_bytes() == content


def test_a_shard_is_calibrated_to_the_same_bytes_or_not_at_all(line: Line, tmp_path: Path) -> None:
    rows = ({"image/encoded": encoded(noise(6, 6, seed=n)), "image/class/label": [n]} for n in range(64))
    records = Path(write_records(tmp_path / "d.tfrecord", rows))
    upload(records, line.server.uri("d.tfrecord"))
    save_graph(logged_graph(), tmp_path / "graph.pb")

    def calibrate(dataset: str, log: Path) -> None:
        shard = Shard(start=8, stop=40)
        calibrate_file(tmp_path / "graph.pb", log, dataset_uri=dataset, shard=shard, preprocessing="unit", batch_size=8)

    calibrate(str(records), tmp_path / "wanted")
    for seed in range(1):
        log = tmp_path / f"log-{seed}"
        done = tried(line, seed, lambda log=log: calibrate(line.server.uri("d.tfrecord"), log))  # type: ignore[misc]
        assert log.exists() == done
        if not done:
            calibrate(line.server.uri("d.tfrecord"), log)
        assert log.read_bytes() == (tmp_path / "wanted").read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_a_model_is_published_whole_file_by_file(line: Line, seed: int, tmp_path: Path) -> None:
    graph = hashlib.shake_256(b"graph").digest(300_000)
    files = {"int8.pb": graph, "report.html": b"<html>" * 10_000}
    files["summary.json"] = result(sha256=hashlib.sha256(graph).hexdigest()).encode()
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    def publish() -> None:
        int8, summary, page = (tmp_path / name for name in ("int8.pb", "summary.json", "report.html"))
        publish_model(int8, summary, page, line.server.uri("target"), tolerance=1.0)

    done = tried(line, seed, publish)
    there = {entry.name: read_bytes(entry.uri) for entry in list_objects(line.server.uri("target"))}
    there.pop(claim.NAME, None)
    assert there == {name: files[name] for name in there}
    assert not done or set(there) == set(files)
    publish()
    assert {entry.name for entry in list_objects(line.server.uri("target"))} == set(files)
