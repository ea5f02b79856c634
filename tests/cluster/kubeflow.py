"""The chart on Kubeflow Pipelines, where the cluster has it, and its runs there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.kube import Document, apply, eventually, find, get, kubectl
from cluster.release import IMAGE, RELEASE, SECONDS, SECRET, SMALL, STEPS
from helm_chart import CHART, Helm
from octavo.cluster.kubeflow import Endpoint, connect
from servers import StorageServer

ENDPOINT = os.environ.get("KFP_ENDPOINT", "")
NAMESPACE = "kubeflow"

needs_kubeflow = pytest.mark.skipif(
    not ENDPOINT, reason="KFP_ENDPOINT is not set: docs/testing-on-kubeflow.md says what it must lead to"
)

NODE_NAME = "workflows.argoproj.io/node-name"

ENDED = ("SUCCEEDED", "FAILED", "CANCELED")


@dataclass(frozen=True)
class KubeflowRun:
    """A run that was started.

    Attributes:
        client: a kfp.Client.
        id: the run's.
    """

    client: Any
    id: str

    @property
    def state(self) -> str:
        """What the API says of it."""
        return str(self.client.get_run(self.id).state)

    @property
    def workflow(self) -> Document | None:
        """Its Workflow, while there is one."""
        found = find(NAMESPACE, "workflows", f"pipeline/runid={self.id}")
        return found[0] if found else None

    @property
    def pods(self) -> list[Document]:
        """Those that are there, Kubeflow's own among them."""
        return find(NAMESPACE, "pods", f"pipeline/runid={self.id}")

    def tries(self, step: str) -> list[Document]:
        """The pods of a step that runs once, the first try first."""
        pods = [each for each in self.pods if f".{step}(0).executor(" in each["metadata"]["annotations"][NODE_NAME]]
        return sorted(pods, key=lambda each: str(each["metadata"]["creationTimestamp"]))

    def pod(self, step: str) -> str:
        """The name of a step's pod whose container runs, once one does."""

        def look() -> str | None:
            running = [each for each in self.tries(step) if each["status"]["phase"] == "Running"]
            return str(running[0]["metadata"]["name"]) if running else None

        return eventually(f"a running pod of {step}", SECONDS, look)

    @property
    def stored_bytes(self) -> int:
        """What the states of its nodes take in the Workflow's object, compressed where Argo has compressed them."""
        workflow = self.workflow
        assert workflow is not None, "the run's Workflow is gone: its time to live is too short for this test"
        status = workflow["status"]
        return len(status.get("compressedNodes", "")) or len(json.dumps(status["nodes"], separators=(",", ":")))

    def has_done(self, step: str, seconds: int = SECONDS) -> None:
        """Wait until a step has succeeded.

        Raises:
            AssertionError: when the run ends before.
        """

        def look() -> bool:
            assert self.state not in ENDED, self.state
            return "Succeeded" in {each["status"]["phase"] for each in self.tries(step)}

        eventually(f"{step} of the run {self.id} done", seconds, look)

    def end(self) -> None:
        """End it, where it goes on."""
        if self.state not in ENDED:
            self.client.terminate_run(self.id)
        eventually(f"the end of {self.id}", SECONDS, lambda: self.state in ENDED)


@dataclass(frozen=True)
class KubeflowRelease:
    """A release of the chart in mode kfp, or kfp-native where the server keeps pipelines as Kubernetes objects.

    Attributes:
        helm: Helm.
        store: the object store that its runs use.
        folder: for its files of values.
    """

    helm: Helm
    store: StorageServer
    folder: Path

    @cached_property
    def client(self) -> Any:
        """A kfp.Client of the server."""
        return connect(Endpoint(host=ENDPOINT))

    @property
    def values(self) -> Document:
        """What every installation of it is given."""
        return {
            "image": IMAGE,
            "objectStore": {"bucket": self.store.bucket, "endpoint": self.store.endpoint},
            "resources": dict.fromkeys(STEPS, SMALL),
        }

    def install(self, **more: object) -> None:
        """Give the namespace the store's keys, and install the chart."""
        keys = {name: value for name, value in self.store.environment.items() if name.startswith("AWS_")}
        metadata = {"name": SECRET, "namespace": NAMESPACE}
        apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": keys})
        self.command("install", self._file({**self.values, **more}), "--wait", "--timeout=15m")

    def command(self, verb: str, *flags: object) -> str:
        """A command of Helm's on the release; `install` and `upgrade` are given the chart."""
        chart = [CHART] if verb in ("install", "upgrade") else []
        done = self.helm.run(verb, RELEASE, *chart, f"--namespace={NAMESPACE}", *flags)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def upgrade(self, **values: object) -> str:
        """`helm upgrade` with values besides, the earlier ones kept; what the register job printed."""
        self.command("upgrade", "--reset-then-reuse-values", self._file(values), "--wait", "--timeout=15m")
        return self.registered

    @property
    def registered(self) -> str:
        """What the last register job printed."""
        return kubectl("-n", NAMESPACE, "logs", f"job/{RELEASE}-register")

    @property
    def version(self) -> str:
        """The name of the pipeline's version that the release has registered."""
        registration = get(NAMESPACE, "configmap", f"{RELEASE}-pipeline")["data"]["registration.yaml"]
        return str(yaml.safe_load(registration)["version"])

    def submit(self, *flags: object, **parameters: object) -> subprocess.CompletedProcess[str]:
        """`octavo submit` of the release's own version, followed to the end: newer ones may be there of other tests."""
        settings = [f"--set={name}={value}" for name, value in {**self.parameters, **parameters}.items()]
        where = [f"--host={ENDPOINT}", f"--version={self.version}"]
        command = [sys.executable, "-m", "octavo.cli", "submit", *where, *settings, *map(str, flags)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def begin(self, **parameters: object) -> KubeflowRun:
        """Start a run, and do not wait for it."""
        done = self.submit("--no-follow", **parameters)
        assert done.returncode == 0, done.stderr
        return self.run_of(done)

    def run_of(self, done: subprocess.CompletedProcess[str]) -> KubeflowRun:
        """The run that `octavo submit` has started."""
        return KubeflowRun(self.client, done.stdout.splitlines()[0].rsplit("/", 1)[1])

    @property
    def parameters(self) -> Mapping[str, object]:
        """The quick start's."""
        return {
            "model_uri": self.store.uri("quickstart/model"),
            "calibration_uri": self.store.uri("quickstart/calibration.npz"),
            "validation_uri": self.store.uri("quickstart/validation.npz"),
            "target_uri": self.store.uri("kubeflow/target"),
            "preprocessing": "unit",
        }

    def remove(self) -> None:
        """Take the release away."""
        self.helm.run("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--wait")

    def _file(self, values: Mapping[str, object]) -> str:
        file = self.folder / f"values-{len(list(self.folder.iterdir()))}.json"
        file.write_text(json.dumps(values))
        return f"--values={file}"
