"""What the cluster's programs read."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
import yaml

from cluster.home import ADDRESS, Home, home
from cluster.settings import PAUSE, SOCKET, write_settings
from cluster.workflows import kustomization


@pytest.fixture
def place(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    write_settings(made)
    return made


def test_the_kubelet_and_containerd_meet_at_one_socket_and_one_folder(place: Home) -> None:
    kubelet = yaml.safe_load((place.path / "kubelet.yaml").read_text())
    containerd = tomllib.loads((place.path / "containerd" / "config.toml").read_text())
    cri = containerd["plugins"]["io.containerd.grpc.v1.cri"]

    assert kubelet["containerRuntimeEndpoint"] == f"unix://{containerd['grpc']['address']}" == f"unix://{SOCKET}"
    assert containerd["root"] == str(place.path / "containerd" / "root")
    assert cri["sandbox_image"] == PAUSE
    assert cri["cni"]["conf_dir"] == str(place.path / "cni")


def test_pods_ask_the_name_server_that_listens_on_the_bridge(place: Home) -> None:
    kubelet = yaml.safe_load((place.path / "kubelet.yaml").read_text())
    *_, service, slice_ = yaml.safe_load_all((place.path / "base.yaml").read_text())

    assert kubelet["clusterDNS"] == [service["spec"]["clusterIP"]]
    assert slice_["endpoints"] == [{"addresses": [ADDRESS]}]
    assert f"bind {ADDRESS}\n" in (place.path / "Corefile").read_text()
    assert f"kubeconfig {place.keys}/dns.conf" in (place.path / "Corefile").read_text()


def test_the_pods_network_is_the_bridges(place: Home) -> None:
    (pods,), *_ = json.loads((place.path / "cni" / "10-kb.conflist").read_text())["plugins"][0]["ipam"]["ranges"]

    assert pods["gateway"] == ADDRESS


def test_argo_is_installed_with_images_that_are_there_and_a_share_of_the_processor() -> None:
    made = kustomization(
        {"workflow-controller": "octavo.test/workflow-controller:1", "argoexec": "octavo.test/argoexec:1"}
    )
    (patch,) = made["patches"]

    values = {change["path"].rsplit("/", 1)[1]: change["value"] for change in json.loads(patch["patch"])}
    assert values["image"] == "octavo.test/workflow-controller:1"
    assert "octavo.test/argoexec:1" in values["args"]
    assert values["resources"]["requests"]["cpu"] == "500m"


def test_the_folder_is_the_one_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLUSTER_HOME", str(tmp_path / "elsewhere"))
    assert home().path == tmp_path / "elsewhere"
    monkeypatch.delenv("CLUSTER_HOME")
    assert home().path == Path.home() / ".cache" / "octavo-cluster"
