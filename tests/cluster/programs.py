"""Build the cluster's programs from Go modules, where they are not built yet."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cluster.home import HERE, Home
from cluster.image_archive import write_image
from cluster.processes import NoClusterError, run
from cluster.settings import PAUSE

KUBERNETES = HERE / "kubernetes"
ARGO = HERE / "argo"
ARGO_MODULE = "github.com/argoproj/argo-workflows/v4"

STATIC = {"CGO_ENABLED": "0", "GOFLAGS": "-trimpath -buildvcs=false"}

FROM_PACKAGES = {
    "go": "Go (https://go.dev/dl)",
    **{name: f"Debian's package {name}" for name in ("containerd", "runc", "gcc", "conntrack")},
    "nft": "Debian's package nftables",
    "/usr/lib/cni/bridge": "Debian's package containernetworking-plugins",
}
"""A program that is not built here -> where it comes from."""


def demand_packages() -> None:
    """Check that what is not built here is installed.

    Raises:
        NoClusterError: when something is missing.
    """
    missing = [source for name, source in FROM_PACKAGES.items() if shutil.which(name) is None]
    if missing:
        raise NoClusterError(
            f"a cluster needs {', '.join(missing)}; install them, or set KUBECONFIG to a cluster that runs"
        )


def build_kubernetes(home: Home) -> None:
    """Kubernetes, etcd, a name server, and the image that holds pods open."""
    home.make("bin")
    if not (home.bin / "kubelet").exists() or not (home.bin / "dns").exists():
        version = run(
            "go", "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes", home=home, folder=KUBERNETES
        ).strip()
        command = ("go", "build", "-ldflags", f"-s -w {_version_flags(version)}", "-o", f"{home.bin}/", "tool", "./dns")
        run(*command, home=home, folder=KUBERNETES, **STATIC)
        (home.bin / "server").rename(home.bin / "etcd")
    if not (home.path / "pause.tar").exists():
        run("gcc", "-static", "-Os", "-o", home.bin / "pause", KUBERNETES / "pause.c", home=home)
        write_image(home.path / "pause.tar", PAUSE, 65535, ["/pause"], {"/pause": home.bin / "pause"})


def argo_version(home: Home) -> str:
    """The version of Argo Workflows that is built."""
    return run("go", "list", "-m", "-f", "{{.Version}}", ARGO_MODULE, home=home, folder=ARGO).strip()


def build_argo(home: Home) -> Path:
    """Argo's controller and executor.

    Returns:
        The folder of its sources, with its manifests.
    """
    home.make("bin", "argo")
    module = home.path / "argo" / "module"
    if not module.exists():
        _copy_argo(home, module)
    if not (home.bin / "argoexec").exists() or not (home.bin / "workflow-controller").exists():
        for name in ("go.mod", "go.sum"):
            shutil.copy(ARGO / name, module.parent)
        run("go", "mod", "edit", "-replace", f"{ARGO_MODULE}=./module", home=home, folder=module.parent)
        flags = f"-s -w -X {ARGO_MODULE}.version={argo_version(home)}"
        programs = [f"{ARGO_MODULE}/cmd/{name}" for name in ("argoexec", "workflow-controller")]
        variables = {**STATIC, "GOFLAGS": f"{STATIC['GOFLAGS']} -mod=mod"}
        command = ("go", "build", "-ldflags", flags, "-o", f"{home.bin}/", *programs)
        run(*command, home=home, folder=module.parent, **variables)
    return module


def _copy_argo(home: Home, module: Path) -> None:
    """The module as it is served lacks Linux's signals; Darwin's file uses nothing that Linux has not."""
    told = json.loads(run("go", "mod", "download", "-json", ARGO_MODULE, home=home, folder=ARGO))
    partial = module.with_name("module.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(told["Dir"], partial, copy_function=shutil.copyfile)
    for folder in (partial, *(each for each in partial.rglob("*") if each.is_dir())):
        folder.chmod(0o755)
    signals = partial / "workflow" / "executor" / "osspecific"
    if not (signals / "signal_linux.go").exists():
        shutil.copyfile(signals / "signal_darwin.go", signals / "signal_linux.go")
    partial.rename(module)


def _version_flags(version: str) -> str:
    """What the programs say of themselves, for the linker."""
    major, minor = version.removeprefix("v").split(".")[:2]
    said = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean", "gitCommit": "module"}
    packages = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    return " ".join(f"-X {package}.{name}={value}" for package in packages for name, value in said.items())
