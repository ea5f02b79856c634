"""Argo Workflows in the cluster: one controller for all namespaces."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from cluster.home import Home
from cluster.image_archive import write_image
from cluster.node import import_image
from cluster.processes import run, works
from cluster.programs import argo_version, build_argo

NAMESPACE = "argo"
USER = 8737
"""Whom Argo's own images run as."""

AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")

CONTROLLER_NEEDS = {"requests": {"cpu": "500m", "memory": "256Mi"}}
"""Without, it gets no processor where the steps' pods want all of them, and loses its lease."""

ROLLED_OUT = ("rollout", "status", "deployment/workflow-controller", "--timeout=180s")


def install_argo(home: Home) -> None:
    """Build Argo where it is not built, and install it with the smallest of its resource definitions."""
    module, version = build_argo(home), argo_version(home)
    images = {name: f"octavo.test/{name}:{version}" for name in ("argoexec", "workflow-controller")}
    for name, image in images.items():
        archive = home.path / "argo" / f"{name}.tar"
        if not archive.exists():
            write_image(archive, image, USER, [name], _files(home.bin / name))
        import_image(home, archive, image)
    install = module.with_name("install")
    shutil.rmtree(install, ignore_errors=True)
    install.mkdir()
    (install / "kustomization.yaml").write_text(yaml.safe_dump(kustomization(images)))
    run("kubectl", "apply", "--server-side", "-k", module / "manifests" / "base" / "crds" / "minimal", home=home)
    if not works("kubectl", "get", "namespace", NAMESPACE, home=home):
        run("kubectl", "create", "namespace", NAMESPACE, home=home)
    run("kubectl", "apply", "--server-side", "--force-conflicts", "-k", install, home=home)
    run("kubectl", "-n", NAMESPACE, *ROLLED_OUT, home=home)


def set_executor_user(home: Home, user: int | None) -> None:
    """Make the controller run its executor as a user, or as it does by itself, from the next pod on."""
    context = {"runAsNonRoot": True, "runAsUser": user}
    data = {"executor": json.dumps({"securityContext": context}) if user else None}
    patch = json.dumps({"data": data})
    controller = ("kubectl", "-n", NAMESPACE)
    run(*controller, "patch", "configmap", "workflow-controller-configmap", "--type=merge", "-p", patch, home=home)
    run(*controller, "rollout", "restart", "deployment/workflow-controller", home=home)
    run(*controller, *ROLLED_OUT, home=home)


def kustomization(images: dict[str, str]) -> dict[str, Any]:
    """What is installed: the controller with its rights in all namespaces, and with images that are here already."""
    container = "/spec/template/spec/containers/0"
    changes = {
        "image": images["workflow-controller"],
        "imagePullPolicy": "IfNotPresent",
        "args": ["--executor-image", images["argoexec"], "--executor-image-pull-policy", "IfNotPresent"],
        "resources": CONTROLLER_NEEDS,
    }
    patch = [{"op": "add", "path": f"{container}/{name}", "value": value} for name, value in changes.items()]
    manifests = "../module/manifests"
    return {
        "namespace": NAMESPACE,
        "resources": [
            f"{manifests}/base/workflow-controller",
            f"{manifests}/cluster-install-no-crds/workflow-controller-rbac",
        ],
        "patches": [{"target": {"kind": "Deployment", "name": "workflow-controller"}, "patch": json.dumps(patch)}],
    }


def _files(program: Path) -> dict[str, Path | None]:
    return {f"/bin/{program.name}": program, "/tmp": None, str(AUTHORITIES): AUTHORITIES}
