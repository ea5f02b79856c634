"""A Kubernetes of one node on this machine: up, and down again."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from cluster.home import ADDRESS, NETWORK, Home
from cluster.keys import make_keys
from cluster.network import make_network, remove_network
from cluster.processes import Daemon, NoClusterError, run, wait_for, works
from cluster.programs import build_kubernetes, demand_packages
from cluster.settings import LEASES, PAUSE, STATE, write_settings

STORE = "http://127.0.0.1:23790"
PEERS = "http://127.0.0.1:23800"

ASKING = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
"""The flags by which a part of Kubernetes finds the API and asks it who is asking."""


def up(home: Home) -> None:
    """Build what is not built, start what does not run, and wait until the node is ready.

    Raises:
        NoClusterError: when it cannot.
    """
    if os.geteuid() != 0:
        raise NoClusterError("only root can start a cluster here; set KUBECONFIG to one that runs")
    demand_packages()
    build_kubernetes(home)
    make_network()
    make_keys(home)
    write_settings(home)
    containerd, *others = daemons(home)
    containerd.start(home)
    wait_for("containerd", 30, lambda: works("ctr", "version", home=home))
    import_image(home, home.path / "pause.tar", PAUSE)
    _start(home, others)
    wait_for(
        "a ready node",
        180,
        lambda: works(*["kubectl", "wait", "--for=condition=Ready", "node/node", "--timeout=1s"], home=home),
    )
    wait_for(
        "a service account",
        60,
        lambda: works(*["kubectl", "-n", "default", "get", "serviceaccount", "default"], home=home),
    )


def down(home: Home) -> None:
    """Stop everything, and leave nothing but what was built and the images."""
    if not home.path.exists():
        return
    containerd, *others = daemons(home)
    for daemon in reversed(others):
        daemon.stop(home)
    if containerd.pid(home):
        _remove_containers(home)
        _stop_unless_shared(home, containerd)
    if (home.bin / "kube-proxy").exists():
        works(home.bin / "kube-proxy", "--cleanup", "--proxy-mode=nftables", home=home)
    remove_network()
    _unmount(home, home.path / "kubelet")
    for left in (home.path / "etcd", home.path / "kubelet", home.path / "logs", LEASES):
        shutil.rmtree(left, ignore_errors=True)


def daemons(home: Home) -> tuple[Daemon, ...]:
    """The programs that make a node, in the order in which they start."""
    return (
        Daemon("containerd", ("containerd", "-c", str(home.path / "containerd" / "config.toml"))),
        _daemon(home, "etcd", _etcd(home)),
        _daemon(home, "kube-apiserver", _api_server(home)),
        _daemon(
            home,
            "kube-controller-manager",
            [
                *_client(home, "controller-manager", *ASKING),
                *("--leader-elect=false", "--bind-address=127.0.0.1", "--use-service-account-credentials=true"),
                *(f"--service-account-private-key-file={home.keys}/sa.key", f"--root-ca-file={home.keys}/ca.crt"),
                *(f"--cluster-signing-cert-file={home.keys}/ca.crt", f"--cluster-signing-key-file={home.keys}/ca.key"),
            ],
        ),
        _daemon(
            home,
            "kube-scheduler",
            [
                *_client(home, "scheduler", *ASKING),
                *("--leader-elect=false", "--bind-address=127.0.0.1"),
            ],
        ),
        _daemon(
            home,
            "kubelet",
            [
                *_client(home, "kubelet", "kubeconfig"),
                *(f"--config={home.path}/kubelet.yaml", f"--root-dir={home.path}/kubelet"),
                *(f"--node-ip={ADDRESS}", "--hostname-override=node"),
            ],
        ),
        _daemon(
            home,
            "kube-proxy",
            [
                *_client(home, "proxy", "kubeconfig"),
                *("--proxy-mode=nftables", f"--cluster-cidr={NETWORK}", "--hostname-override=node"),
                *(f"--bind-address={ADDRESS}", "--oom-score-adj=0", "--conntrack-max-per-core=0", "--conntrack-min=0"),
            ],
        ),
        _daemon(home, "dns", ["-conf", str(home.path / "Corefile")]),
    )


def import_image(home: Home, archive: Path, name: str) -> None:
    """Give containerd an image, where it has not got it."""
    if name not in run("ctr", "-n", "k8s.io", "images", "ls", "-q", home=home).split():
        run("ctr", "-n", "k8s.io", "images", "import", archive, home=home)


def _daemon(home: Home, name: str, arguments: list[str]) -> Daemon:
    return Daemon(name, (str(home.bin / name), *arguments))


def _client(home: Home, part: str, *flags: str) -> list[str]:
    return [f"--{flag}={home.keys}/{part}.conf" for flag in flags]


def _etcd(home: Home) -> list[str]:
    return [
        *("--name=node", f"--data-dir={home.path}/etcd", "--unsafe-no-fsync", "--log-level=warn"),
        *(f"--listen-client-urls={STORE}", f"--advertise-client-urls={STORE}", f"--initial-cluster=node={PEERS}"),
        *(f"--listen-peer-urls={PEERS}", f"--initial-advertise-peer-urls={PEERS}"),
    ]


def _api_server(home: Home) -> list[str]:
    files = {
        "client-ca-file": "ca.crt",
        "tls-cert-file": "apiserver.crt",
        "tls-private-key-file": "apiserver.key",
        "kubelet-client-certificate": "apiserver-client.crt",
        "kubelet-client-key": "apiserver-client.key",
        "kubelet-certificate-authority": "ca.crt",
        "service-account-key-file": "sa.pub",
        "service-account-signing-key-file": "sa.key",
        "requestheader-client-ca-file": "ca.crt",
        "proxy-client-cert-file": "front-proxy-client.crt",
        "proxy-client-key-file": "front-proxy-client.key",
    }
    return [
        *(
            f"--etcd-servers={STORE}",
            f"--bind-address={ADDRESS}",
            f"--advertise-address={ADDRESS}",
            "--secure-port=26443",
        ),
        *("--service-cluster-ip-range=10.96.0.0/16", "--authorization-mode=Node,RBAC", "--allow-privileged=true"),
        *("--enable-aggregator-routing=true", "--kubelet-preferred-address-types=InternalIP"),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        *("--requestheader-allowed-names=front-proxy-client", "--requestheader-username-headers=X-Remote-User"),
        *("--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-"),
        *(f"--{flag}={home.keys}/{file}" for flag, file in files.items()),
    ]


def _start(home: Home, others: list[Daemon]) -> None:
    for daemon in others:
        daemon.start(home)
        if daemon.name == "kube-apiserver":
            wait_for("the API server", 180, lambda: works("kubectl", "get", "--raw", "/readyz", home=home))
            run("kubectl", "apply", "--server-side", "-f", "base.yaml", home=home, folder=home.path)


def _remove_containers(home: Home) -> None:
    ctr = ("ctr", "-n", "k8s.io")
    for task in run(*ctr, "tasks", "ls", "-q", home=home).split():
        works(*ctr, "tasks", "rm", "-f", task, home=home)
    for container in run(*ctr, "containers", "ls", "-q", home=home).split():
        works(*ctr, "containers", "rm", container, home=home)
    for namespace in Path("/run/netns").glob("cni-*"):
        works("ip", "netns", "delete", namespace.name, home=home)


def _stop_unless_shared(home: Home, containerd: Daemon) -> None:
    """Stop it where no Docker has joined it: one that starts while it runs does so."""
    programs = [_content(file).strip() for file in Path("/proc").glob("[0-9]*/comm")]
    if "dockerd" in programs:
        print(f"containerd goes on (process {containerd.pid(home)}): a Docker on this machine may be using it.")
        return
    containerd.stop(home)
    _unmount(home, STATE)
    shutil.rmtree(STATE, ignore_errors=True)


def _content(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _unmount(home: Home, folder: Path) -> None:
    """Unmount a folder, where it is mounted, and all that is mounted below it, the innermost first."""
    mounted = [Path(line.split()[1]) for line in Path("/proc/mounts").read_text().splitlines()]
    for place in sorted((place for place in mounted if place.is_relative_to(folder)), reverse=True):
        works("umount", place, home=home)
