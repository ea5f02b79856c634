"""The whole pipeline with model, data and target in object storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.storage import list_objects, read_bytes, upload
from quickstart import PUBLISHED_FILES, QUICKSTART, run_pipeline
from servers import StorageServer

pytestmark = [pytest.mark.pipeline, pytest.mark.servers]


def put_quickstart(server: StorageServer) -> None:
    for path in (*QUICKSTART.model.iterdir(), QUICKSTART.calibration, QUICKSTART.validation):
        upload(path, server.uri(str(path.relative_to(QUICKSTART.model.parent))))


@pytest.mark.int8
@pytest.mark.parametrize(("fixture", "shards"), [("s3_server", 1), ("gcs_server", 3)])
def test_the_pipeline_reads_from_and_publishes_to_a_bucket(
    fixture: str,
    shards: int,
    published: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server: StorageServer = request.getfixturevalue(fixture).with_fresh_bucket()
    server.use(monkeypatch)
    put_quickstart(server)

    done = run_pipeline(
        *("--model", server.uri("model"), "--target", server.uri("target")),
        *("--calibration", server.uri("calibration.npz"), "--validation", server.uri("validation.npz")),
        *("--shards", str(shards), "--work", str(tmp_path)),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert {found.name for found in list_objects(server.uri("target"))} == PUBLISHED_FILES
    assert read_bytes(server.uri("target/int8.pb")) == (published / "int8.pb").read_bytes()
