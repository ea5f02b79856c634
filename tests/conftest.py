"""What every test may use: the test data, the storage servers, an environment without the developer's keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings

from engine import Engine, NoEngineError, shared_engine
from octavo.errors import EnvironmentFault
from octavo.runtime.environment import check_processor
from octavo.storage import join
from servers import StorageServer, fake_gcs, seaweedfs

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
for name in list(os.environ):
    if name.startswith(("AWS_", "S3_", "MINIO_", "GOOGLE_", "STORAGE_EMULATOR_", "OCTAVO_")):
        del os.environ[name]

os.environ["OCTAVO_STORE_RETRY_SECONDS"] = "1"  # a dead store is told soon

_folders = count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what runs INT8 graphs on a processor that octavo refuses, in the words of the refusal."""
    try:
        check_processor()
    except EnvironmentFault as fault:
        for item in items:
            if item.get_closest_marker("int8"):
                item.add_marker(pytest.mark.skip(reason=str(fault)))


settings.register_profile("octavo", deadline=None, derandomize=True)
settings.load_profile("octavo")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real models and images."""
    root = Path(__file__).parents[1]
    folder = Path(os.environ.get("OCTAVO_TEST_DATA") or root.parent / "shared" / "data")
    if not (folder / "models").is_dir():
        pytest.skip(f"no test data in {folder}: set OCTAVO_TEST_DATA to the folder of the real models and images")
    return folder


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageServer]:
    """A real S3 server (SeaweedFS) with a bucket for the session; `with_fresh_bucket()` gives another."""
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs")) as server:
        yield server


@pytest.fixture(scope="session")
def gcs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StorageServer]:
    """A real GCS server (fake-gcs-server) with a bucket for the session; `with_fresh_bucket()` gives another."""
    with fake_gcs(tmp_path_factory.mktemp("fake-gcs")) as server:
        yield server


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """A container engine that holds octavo's images as the sources make them now."""
    try:
        with shared_engine() as found:
            found.build_images()
            yield found
    except NoEngineError as fault:
        pytest.skip(str(fault))


STORES = ["file", *(pytest.param(scheme, marks=pytest.mark.servers) for scheme in ("s3", "minio", "gs"))]


@pytest.fixture(params=STORES)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Every store in turn: from a name to a URI in an empty folder of it."""
    if request.param == "file":
        return lambda name: join(str(tmp_path / "store"), name) if name else str(tmp_path / "store")
    server: StorageServer = request.getfixturevalue("gcs_server" if request.param == "gs" else "s3_server")
    server.use(monkeypatch)
    folder = f"{request.param}://{server.bucket}/{next(_folders)}"
    return lambda name: f"{folder}/{name}"
