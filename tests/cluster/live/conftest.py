"""The cluster, the object store, and releases of the chart in namespaces of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from cluster.home import Home, home
from cluster.kube import KubectlError, kubectl
from cluster.octavo_image import has_int8, sources_digest
from cluster.release import Release
from cluster.store import Store
from helm_chart import Helm, find_helm
from octavo.storage import upload
from quickstart import QUICKSTART, run_pipeline
from servers import StorageServer

_numbers = count(1)


@pytest.fixture(scope="session", autouse=True)
def place() -> Iterator[Home]:
    """The cluster that `make cluster` has brought up; KUBECONFIG leads to it, and its kubectl is on the path."""
    ours = home()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", os.environ.get("KUBECONFIG") or str(ours.kubeconfig))
        patch.setenv("PATH", ours.environment["PATH"])
        try:
            kubectl("get", "workflows", "--all-namespaces")
        except (KubectlError, FileNotFoundError) as fault:
            pytest.exit(f"no cluster with Argo Workflows answers (run `make cluster`, or set KUBECONFIG): {fault}", 2)
        yield ours


@pytest.fixture(scope="session")
def own(place: Home) -> Home:
    """The cluster, where it is this machine's own: its kubelet can be stopped, and its controller changed."""
    if os.environ["KUBECONFIG"] != str(place.kubeconfig):
        pytest.skip("this cluster's kubelet and controller are not ours to change: `make cluster` brings one up")
    return place


@pytest.fixture(scope="session")
def weed(place: Home) -> Iterator[Store]:
    """The object store's program."""
    made = Store(place)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def store(weed: Store) -> Iterator[StorageServer]:
    """An object store that the pods reach, with the quick start's model and data in its bucket."""
    server = weed.start()
    with pytest.MonkeyPatch.context() as patch:
        server.use(patch)
        for path in (*QUICKSTART.model.iterdir(), QUICKSTART.calibration, QUICKSTART.validation):
            upload(path, server.uri(f"quickstart/{path.relative_to(QUICKSTART.model.parent)}"))
        yield server


@pytest.fixture(scope="session")
def helm() -> Helm:
    program = find_helm()
    assert program is not None, "no helm: `make test-cluster` installs it"
    return Helm(program)


@pytest.fixture(scope="module")
def release_of(
    helm: Helm, store: StorageServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Release]]:
    """Installs the chart in a fresh namespace, which goes with the module."""
    made: list[Release] = []

    def install(name: str, **values: object) -> Release:
        release = Release(helm, f"{name}-{next(_numbers)}", store, tmp_path_factory.mktemp(name))
        made.append(release)
        release.remove()
        release.install(**values)
        return release

    try:
        yield install
    finally:
        for release in made:
            release.remove()


@pytest.fixture(scope="module")
def release(release_of: Callable[..., Release], request: pytest.FixtureRequest) -> Release:
    """A release that the tests of a module share."""
    return release_of(Path(request.node.name).stem.removeprefix("test_").replace("_", "-"))


@pytest.fixture(scope="session")
def int8_graph(place: Home, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What `make run` publishes; kept beside the cluster until the sources change."""
    kept = place.path / f"int8-{sources_digest()}.pb"
    if not kept.exists():
        place.make(".")
        kept.write_bytes(_published(tmp_path_factory.mktemp("run")))
    return kept.read_bytes()


def _published(folder: Path) -> bytes:
    """Where the processor has no INT8 instructions, the run ends behind the step that writes the graph: from there."""
    done = run_pipeline(
        f"--target={folder / 'target'}", f"--work={folder / 'work'}", environment={"TF_ENABLE_ONEDNN_OPTS": "1"}
    )
    if has_int8():
        assert done.returncode == 0, done.stderr
        return (folder / "target" / "int8.pb").read_bytes()
    (graph,) = (folder / "work").glob("*/*/fuse/int8_graph/graph.pb")
    return graph.read_bytes()
