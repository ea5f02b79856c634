"""The chart in a namespace as strict as a platform's: restricted pods, quotas, limits, no traffic but what is let."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from cluster.kube import Document, apply, eventually, find, get, kubectl
from cluster.octavo_image import REGISTRY
from helm_chart import CHART, Helm
from octavo.storage import read_bytes
from servers import StorageServer

RELEASE = "octavo"
SECRET = "octavo-object-store"

IMAGE = {"registry": REGISTRY, "tag": os.environ.get("CLUSTER_TAG", "")}
"""What the chart's values say of octavo's image on the nodes."""

SMALL = {"requests": {"cpu": "50m", "memory": "64Mi"}}
"""What each step asks for: the node of the tests has two cores for everything."""

SECONDS = 900
"""How long a step may take to come, and a run to end: a busy machine is slow."""

SIGNAL = """\
import os
from pathlib import Path

for status in Path("/proc").glob("[0-9]*/status"):
    if "\\nPPid:\\t1\\n" in status.read_text():
        os.kill(int(status.parent.name), NUMBER)
        print("sent")
"""
"""For the Python of a step: a signal to the program that the first process has started."""

STEPS = [step["name"] for step in yaml.safe_load((CHART / "files" / "steps.yaml").read_text())["steps"]]


@dataclass(frozen=True)
class Run:
    """A run that was started.

    Attributes:
        namespace: where.
        name: its Workflow's.
    """

    namespace: str
    name: str

    @property
    def workflow(self) -> Document:
        """Its Workflow as it is now."""
        return get(self.namespace, "workflow", self.name)

    @property
    def nodes(self) -> list[Document]:
        """What its Workflow knows of pods, tries and the whole."""
        status = self.workflow.get("status", {})
        if compressed := status.get("compressedNodes"):
            return list(json.loads(gzip.decompress(base64.b64decode(compressed))).values())
        return list(status.get("nodes", {}).values())

    def tries(self, step: str) -> list[Document]:
        """The pods of a step that runs once, the first try first."""
        pods = [each for each in self.nodes if each["type"] == "Pod" and each["templateName"] == step]
        return sorted(pods, key=lambda each: str(each["startedAt"]))

    def pod(self, step: str, seconds: float = SECONDS) -> str:
        """The name of a step's pod whose container runs, once one does."""
        selector = f"workflows.argoproj.io/workflow={self.name},app.kubernetes.io/component={step}"

        def look() -> str | None:
            running = [each for each in find(self.namespace, "pods", selector) if _main_runs(each)]
            return str(running[0]["metadata"]["name"]) if running else None

        return eventually(f"a running pod of {step}", seconds, look)

    def shard_pod(self, step: str, index: int, seconds: float = SECONDS) -> str:
        """The name of the pod of an index of a step's Job, once its container runs."""
        selector = f"app.kubernetes.io/component={step},batch.kubernetes.io/job-completion-index={index}"

        def look() -> str | None:
            running = [each for each in find(self.namespace, "pods", selector) if _main_runs(each)]
            return str(running[0]["metadata"]["name"]) if running else None

        return eventually(f"a running pod of {step}, index {index}", seconds, look)

    def artifact(self, store: StorageServer, step: str, name: str) -> bytes:
        """What a step has handed on."""
        folder = f"octavo/{self.name}-{self.workflow['metadata']['uid']}"
        return read_bytes(store.uri(f"{folder}/{step}/{name}"))

    def stop(self) -> None:
        """Ask Argo to end it, with its pods."""
        shutdown = json.dumps({"spec": {"shutdown": "Terminate"}})
        kubectl("-n", self.namespace, "patch", "workflow", self.name, "--type=merge", "-p", shutdown)

    def has_done(self, step: str, seconds: float = SECONDS) -> None:
        """Wait until a step has succeeded.

        Raises:
            AssertionError: when the run ends before.
        """

        def look() -> bool:
            workflow = self.workflow
            phases = [n["phase"] for n in self.nodes if n["type"] == "Retry" and n["templateName"] == step]
            assert workflow["status"].get("phase") not in ("Failed", "Error"), workflow["status"]
            return "Succeeded" in phases

        eventually(f"{step} of {self.name} done", seconds, look)

    def phase(self, seconds: float = SECONDS) -> str:
        """How it ended, once it has."""

        def look() -> str | None:
            phase = str(self.workflow.get("status", {}).get("phase", ""))
            return phase if phase in ("Succeeded", "Failed", "Error") else None

        return eventually(f"the end of {self.name}", seconds, look)

    def signal(self, pod: str, number: signal.Signals) -> None:
        """Send the program of a step a signal, once the program runs."""
        program = SIGNAL.replace("NUMBER", str(int(number)))
        words = ("-n", self.namespace, "exec", pod, "-c", "main", "--", "python3", "-c", program)
        eventually(f"the program of {pod}", 60, lambda: kubectl(*words))

    def delete(self) -> None:
        """Take it away, going on or not."""
        kubectl("-n", self.namespace, "delete", "workflow", self.name)


@dataclass(frozen=True)
class Release:
    """A release of the chart in mode argo.

    Attributes:
        helm: Helm.
        namespace: where it is.
        store: the object store that its runs use.
        folder: for its files of values.
    """

    helm: Helm
    namespace: str
    store: StorageServer
    folder: Path

    @property
    def values(self) -> Document:
        """What every installation of it is given."""
        return {
            "mode": "argo",
            "image": IMAGE,
            "objectStore": {"bucket": self.store.bucket, "endpoint": self.store.endpoint},
            "resources": dict.fromkeys(STEPS, SMALL),
            "networkPolicy": {"enabled": True, "ports": [443, 6443, 26443, int(self.store.endpoint.rsplit(":", 1)[1])]},
        }

    def install(self, **more: object) -> None:
        """Make the namespace and install the chart."""
        apply(*strict_namespace(self.namespace))
        keys = {name: value for name, value in self.store.environment.items() if name.startswith("AWS_")}
        apply(_object("v1", "Secret", self.namespace, SECRET, stringData=keys))
        self.command("install", self._file({**self.values, **more}), "--wait", "--timeout=120s")

    def command(self, verb: str, *flags: object) -> str:
        """A command of Helm's on the release; `install` and `upgrade` are given the chart."""
        chart = [CHART] if verb in ("install", "upgrade") else []
        done = self.helm.run(verb, RELEASE, *chart, f"--namespace={self.namespace}", *flags)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def upgrade(self, *flags: object, **values: object) -> str:
        """`helm upgrade` with values besides, the earlier ones kept."""
        return self.command("upgrade", "--reset-then-reuse-values", self._file(values), *flags)

    def submit(self, *flags: object, **parameters: object) -> subprocess.CompletedProcess[str]:
        """`octavo submit`, followed to the end."""
        return subprocess.run(self.submission(*flags, **parameters), capture_output=True, text=True, check=False)

    def submission(self, *flags: object, **parameters: object) -> list[str]:
        """The command of that."""
        settings = [f"--set={name}={value}" for name, value in {**self.parameters, **parameters}.items()]
        where = [f"--argo-template={RELEASE}", f"--namespace={self.namespace}", "--poll-seconds=2"]
        return [sys.executable, "-m", "octavo.cli", "submit", *where, *settings, *map(str, flags)]

    @property
    def parameters(self) -> Mapping[str, object]:
        """The quick start's, with few shards."""
        return {
            "model_uri": self.store.uri("quickstart/model"),
            "calibration_uri": self.store.uri("quickstart/calibration.npz"),
            "validation_uri": self.store.uri("quickstart/validation.npz"),
            "target_uri": self.store.uri(f"{self.namespace}/target"),
            "preprocessing": "unit",
            "shards": 2,
            "evaluation_shards": 1,
        }

    def begin(self, **parameters: object) -> Run:
        """Start a run, and do not wait for it."""
        done = self.submit("--no-follow", **parameters)
        assert done.returncode == 0, done.stderr
        return Run(self.namespace, done.stdout.split()[-1])

    def runs(self) -> list[Run]:
        """The namespace's, oldest first."""
        found = sorted(find(self.namespace, "workflows"), key=lambda each: str(each["metadata"]["creationTimestamp"]))
        return [Run(self.namespace, each["metadata"]["name"]) for each in found]

    def remove(self) -> None:
        """Take the namespace away, with all that is in it."""
        kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--timeout=120s")

    def _file(self, values: Mapping[str, object]) -> str:
        file = self.folder / f"{self.namespace}-{len(list(self.folder.iterdir()))}.json"
        file.write_text(json.dumps(values))
        return f"--values={file}"


def strict_namespace(name: str) -> list[Document]:
    """A namespace under the restricted standard, with a quota, limits for containers that name none, and no traffic."""
    quota = {"requests.cpu": "8", "requests.memory": "32Gi", "limits.cpu": "64", "limits.memory": "128Gi", "pods": "40"}
    limits = {
        "type": "Container",
        "default": {"cpu": "500m", "memory": "256Mi"},
        "defaultRequest": {"cpu": "10m", "memory": "32Mi"},
    }
    labels = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn", "audit")}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}},
        _object("v1", "ResourceQuota", name, "quota", spec={"hard": quota}),
        _object("v1", "LimitRange", name, "limits", spec={"limits": [limits]}),
        _object(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            name,
            "default-deny",
            spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        ),
    ]


def _main_runs(pod: Document) -> bool:
    statuses = pod["status"].get("containerStatuses", [])
    return any(each["name"] == "main" and "running" in each["state"] for each in statuses)


def _object(api: str, kind: str, namespace: str, name: str, **parts: object) -> Document:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace}, **parts}
