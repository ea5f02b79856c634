"""`octavo doctor`: what is well, what is not, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_chart import CHART
from kfp_server import State
from kubernetes_server import Cluster
from octavo.cluster.doctor.namespace import LARGEST, amount
from octavo.runtime import machine
from servers import StorageServer

Run = Callable[..., tuple[int, str, str]]

CORE = "/api/v1/namespaces/vision"
VNNI = {"feature.node.kubernetes.io/cpu-cpuid.AVX512VNNI": "true"}
OTHER = {"feature.node.kubernetes.io/cpu-cpuid.AVX2": "true"}


def listed(kind: str, *items: dict[str, Any]) -> dict[str, Any]:
    return {"kind": f"{kind}List", "apiVersion": "v1", "metadata": {}, "items": list(items)}


def a_node(labels: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "n", "labels": labels}}


def a_quota(hard: dict[str, str], used: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"name": "team"}, "spec": {"hard": hard}, "status": {"hard": hard, "used": used}}


@pytest.fixture
def ready(cluster: Cluster) -> Cluster:
    """A namespace in which a run would succeed."""
    keys = {"AWS_ACCESS_KEY_ID": "eA==", "AWS_SECRET_ACCESS_KEY": "eA=="}
    cluster.objects |= {
        f"{CORE}/secrets/octavo-object-store": {"metadata": {"name": "octavo-object-store"}, "data": keys},
        f"{CORE}/resourcequotas": listed("ResourceQuota", a_quota({"limits.cpu": "16"}, {"limits.cpu": "2500m"})),
        "/api/v1/nodes": listed("Node", a_node(VNNI), a_node(OTHER)),
    }
    return cluster


def lines(out: str) -> dict[str, str]:
    """Subject -> verdict and text."""
    return {line[7:].split(": ", 1)[0]: f"{line[:6].strip()} {line[7:].split(': ', 1)[1]}" for line in out.splitlines()}


@pytest.mark.int8
def test_this_machine_is_checked_when_nothing_else_is_asked_for(run: Run) -> None:
    status, out, _ = run("doctor")

    assert status == 0
    assert lines(out).keys() == {"processor", "TensorFlow", "memory"}


def test_a_processor_without_int8_instructions_is_told(run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text("model name\t: Old One\nflags\t\t: fpu avx2\n")
    monkeypatch.setattr(machine, "CPU_INFO", info)
    status, out, err = run("doctor")

    assert status == 2
    assert lines(out)["processor"].startswith("failed this processor (Old One)")
    assert "1 of the checks failed" in err


def test_a_store_is_written_read_listed_and_left_as_it_was(place: Callable[[str], str], run: Run) -> None:
    from octavo.storage import list_objects

    status, out, err = run("doctor", f"--store={place('folder')}")

    assert status == 0, err
    assert "written, read, listed and deleted" in out
    assert list_objects(place("folder")) == []


@pytest.mark.servers
def test_keys_that_may_not_write_are_told(s3_server: StorageServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    s3_server.use(monkeypatch)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "reader-secret")
    status, out, _ = run("doctor", f"--store={s3_server.uri('folder')}")

    assert status == 2
    assert out.startswith("failed object store")


def test_an_api_that_answers_is_told_with_its_mode(host: str, run: Run, state: State) -> None:
    assert "ok answers, 2.17.0, single-user" in lines(run("doctor", f"--host={host}")[1]).values()
    state.multi_user = True
    status, out, _ = run("doctor", f"--host={host}", "--namespace=vision", "--pipeline=quantize-int8")
    assert status == 2
    assert "has no pipeline 'quantize-int8'; install the chart" in out


@pytest.mark.parametrize(
    ("version", "status", "words"),
    [
        ("2.15.0", 0, "answers, 2.15.0, "),
        ("v2.18.0-rc.1", 0, "answers, v2.18.0-rc.1, "),
        ("unknown", 0, "no version is told, wanted 2.15 or later"),
        ("2.14.3", 2, "is Kubeflow Pipelines 2.14.3; wanted 2.15 or later"),
        ("1.8.22", 2, "is Kubeflow Pipelines 1.8.22; wanted 2.15 or later"),
    ],
)
def test_the_version_of_kubeflow_is_checked(
    host: str, run: Run, state: State, version: str, status: int, words: str
) -> None:
    state.version = version
    done = run("doctor", f"--host={host}")
    assert (done[0], words in done[1]) == (status, True)


@pytest.mark.usefixtures("ready")
def test_a_ready_namespace_passes(run: Run) -> None:
    status, out, err = run("doctor", "--cluster", "--namespace=vision")

    assert status == 0, out + err
    assert lines(out) == {
        "Secret octavo-object-store": "ok holds AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY",
        "quota": "ok room for the largest step in 1 quotas",
        "nodes with INT8 instructions": "ok 1 of 2",
    }


@pytest.mark.parametrize(
    ("path", "there", "words"),
    [
        (f"{CORE}/secrets/octavo-object-store", {"data": {"AWS_ACCESS_KEY_ID": "eA=="}}, "only one of AWS_ACCESS"),
        (f"{CORE}/secrets/octavo-object-store", {"data": {"key": "eA=="}}, "no keys of a store but key"),
        (f"{CORE}/secrets/octavo-object-store", None, "not found"),
        (f"{CORE}/resourcequotas", listed("Q", a_quota({"limits.cpu": "4"}, {"limits.cpu": "1"})), "needs 4"),
        (f"{CORE}/resourcequotas", listed("Q", a_quota({"requests.memory": "2Gi"}, {})), "requests.memory of 2Gi"),
        ("/api/v1/nodes", listed("Node", a_node(OTHER)), "note none of 1"),
        ("/api/v1/nodes", listed("Node", a_node({})), "note not known of 1 nodes"),
    ],
)
def test_each_fault_of_a_namespace_is_told(
    ready: Cluster, run: Run, path: str, there: dict[str, Any] | None, words: str
) -> None:
    if there is None:
        del ready.objects[path]
    else:
        ready.objects[path] = there
    status, out, _ = run("doctor", "--cluster", "--namespace=vision")

    assert status == (0 if words.startswith("note") else 2)
    assert any(words in line for line in lines(out).values()), out


def test_nodes_that_may_not_be_listed_are_no_failure(ready: Cluster, run: Run) -> None:
    ready.forbidden.add("/api/v1/nodes")
    status, out, _ = run("doctor", "--cluster", "--namespace=vision")

    assert status == 0
    assert lines(out)["nodes with INT8 instructions"].startswith("note the list of nodes: Kubernetes refuses (403)")


def test_an_image_that_runs_passes_and_its_pod_goes(cluster: Cluster, run: Run) -> None:
    cluster.on_create = lambda pod: pod.update(status={"phase": "Succeeded"})
    status, out, err = run("doctor", "--image=r/octavo:1", "--namespace=vision", "--pull-secrets=a,b")

    assert status == 0, out + err
    assert "ok     image r/octavo:1: pulled" in out
    assert [request.split()[0] for request in cluster.requests] == ["POST", "GET", "DELETE"]
    assert not cluster.objects


def test_an_image_that_cannot_be_pulled_is_told_in_the_clusters_words(cluster: Cluster, run: Run) -> None:
    waiting = {"state": {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}}
    container = {"name": "main", "image": "x", "imageID": "", "ready": False, "restartCount": 0, **waiting}
    cluster.on_create = lambda pod: pod.update(status={"phase": "Pending", "containerStatuses": [container]})
    status, out, _ = run("doctor", "--image=r/octavo:1", "--namespace=vision")

    assert status == 2
    assert "cannot be pulled: manifest unknown" in out
    assert not cluster.objects


def test_a_template_that_is_installed_passes_and_one_that_is_not_fails(cluster: Cluster, run: Run) -> None:
    path = "/apis/argoproj.io/v1alpha1/namespaces/vision/workflowtemplates/octavo"
    words = ("doctor", "--argo-template=octavo", "--namespace=vision")
    assert run(*words)[0] == 2
    cluster.objects[path] = {"spec": {"templates": [{}, {}]}}
    assert run(*words)[1] == "ok     WorkflowTemplate octavo: installed, 1 steps\n"


def test_without_a_kubeconfig_the_cluster_is_told_to_be_unknown(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "nowhere"))
    status, out, _ = run("doctor", "--cluster")

    assert status == 2
    assert "wanted a kubeconfig" in out


def test_the_largest_step_is_the_pipelines() -> None:
    steps = yaml.safe_load((CHART / "files" / "steps.yaml").read_text())["steps"]

    for resource, largest in LARGEST.items():
        part, what = resource.split(".")
        assert max(amount(step["resources"][part][what]) for step in steps) == largest


@pytest.mark.parametrize(("text", "number"), [("500m", 0.5), ("2", 2), ("4Gi", 2**32), ("1k", 1000), ("1.5G", 1.5e9)])
def test_quantities_are_read(text: str, number: float) -> None:
    assert amount(text) == pytest.approx(number)
