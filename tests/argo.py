"""Argo Workflows' part in a run, without a cluster: from a rendered WorkflowTemplate to pods, their artifacts in S3.

What Argo does is done in its order: parameters are substituted (anything left in braces is an error), a task waits for
those it depends on, `withParam` gives one pod for each item, input artifacts are fetched from the artifact repository
(an object, or all objects under a prefix), the container runs with its command, arguments, variables from Secrets, file
system and security context, its outputs are put into the repository, and a pod that fails is tried again.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml
from kubernetes.utils.quantity import parse_quantity
from minio import Minio
from urllib3 import PoolManager

from engine import Engine
from helm_chart import Document

FIELDS = {"image", "imagePullPolicy", "command", "args", "env", "resources", "securityContext", "volumeMounts"}
"""What a container may have: all of it is heeded."""

PLACEHOLDER = re.compile(r"\{\{\s*([^}]+?)\s*\}\}")


TRIED_AGAIN = 'asInt(lastRetry.exitCode) != 2 && !(lastRetry.message contains "OOMKilled")'
"""When a step that failed is tried again."""

Entries = Mapping[str, Mapping[str, str]]
"""Secrets or ConfigMaps by name, each its entries."""


class WorkflowFailedError(Exception):
    """A workflow that Argo would refuse, or a pod that failed every time."""


@dataclass(frozen=True)
class Pod:
    """A container to run.

    Attributes:
        name: the task's, with the item's number.
        container: its specification, placeholders filled.
        context: the pod's security context.
        variables: its environment, Secrets looked up.
        inputs: path in the container -> folder or file here.
        volumes: a volume's name -> the folder here.
    """

    name: str
    container: Document
    context: Document
    variables: dict[str, str]
    inputs: dict[str, Path]
    volumes: dict[str, Path]


class Runner(Protocol):
    """Runs a pod's container."""

    def __call__(self, pod: Pod) -> subprocess.CompletedProcess[str]: ...


class InEngine:
    """In the container engine, with all that the pod says of a container; a field that is not known here is an error.

    The network is the host's, where the S3 server is. A limit of more processors than there are is all there are.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __call__(self, pod: Pod) -> subprocess.CompletedProcess[str]:
        container = pod.container
        assert container.keys() <= FIELDS, container.keys() - FIELDS
        flags = [
            *("run", "--rm", "--network=host", *_user(pod.context), *_hardening(container["securityContext"])),
            *_limits(container["resources"]),
            *(f"--env={name}={value}" for name, value in pod.variables.items()),
            *(f"--volume={here}:{there}:ro" for there, here in pod.inputs.items()),
            *(f"--volume={_mounted(pod, mount)}" for mount in container["volumeMounts"]),
        ]
        program, words = container["command"][0], [*container["command"][1:], *container["args"]]
        return self.engine.docker(*flags, f"--entrypoint={program}", container["image"], *words)


def _user(context: Document) -> list[str]:
    """Flags for a pod's security context; the engine's own filter of system calls is RuntimeDefault's."""
    assert context.keys() == {"runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup", "seccompProfile"}
    assert context["runAsNonRoot"]
    assert context["runAsUser"]
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    return [f"--user={context['runAsUser']}:{context['runAsGroup']}", f"--group-add={context['fsGroup']}"]


def _hardening(context: Document) -> list[str]:
    """Flags for a container's security context."""
    assert context.keys() == {"allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities"}
    flags = [f"--cap-drop={name}" for name in context["capabilities"]["drop"]]
    flags += [] if context["allowPrivilegeEscalation"] else ["--security-opt=no-new-privileges"]
    return [*flags, "--read-only"] if context["readOnlyRootFilesystem"] else flags


def _limits(resources: Document) -> list[str]:
    """Flags for requests and limits."""
    limits, requests = resources["limits"], resources["requests"]
    cores = min(float(parse_quantity(limits["cpu"])), float(os.cpu_count() or 1))
    shares = max(2, int(parse_quantity(requests["cpu"]) * 1024))
    return [f"--memory={int(parse_quantity(limits['memory']))}", f"--cpus={cores}", f"--cpu-shares={shares}"]


def _mounted(pod: Pod, mount: Document) -> str:
    return f"{pod.volumes[mount['name']]}:{mount['mountPath']}{':ro' if mount.get('readOnly') else ''}"


def make_volumes(pod: Document, folder: Path, secrets: Entries, config_maps: Entries) -> dict[str, Path]:
    """A pod's volumes, made as the kubelet makes them: the group is fsGroup, and may write to an emptyDir.

    Args:
        pod: a specification with its `volumes` and its `securityContext`.
        folder: where the volumes' folders come to be.
        secrets: the namespace's, by name.
        config_maps: the same.

    Returns:
        A volume's name -> its folder.
    """
    made = {}
    for volume in pod["volumes"]:
        (kind,) = volume.keys() - {"name"}
        place = made[volume["name"]] = folder / volume["name"]
        place.mkdir(parents=True)
        entries: Mapping[str, str] = {}
        if kind == "secret":
            entries = secrets[volume[kind]["secretName"]]
        elif kind == "configMap":
            entries = config_maps[volume[kind]["name"]]
        elif kind != "emptyDir":
            raise WorkflowFailedError(f"a volume of another kind: {volume}")
        for name, text in entries.items():
            (place / name).write_text(text)
        for path in (*place.iterdir(), place):
            path.chmod(0o440 if path.is_file() else 0o2770 if kind == "emptyDir" else 0o2750)
            if os.geteuid() == 0:
                os.chown(path, 0, pod["securityContext"]["fsGroup"])
    return made


def looked_up(container: Document, secrets: Entries) -> Iterator[tuple[str, str]]:
    """A container's variables, Secrets looked up."""
    for each in container.get("env", []):
        if "value" in each:
            yield each["name"], each["value"]
            continue
        reference = each["valueFrom"]["secretKeyRef"]
        secret = secrets.get(reference["name"], {})
        if reference["key"] in secret:
            yield each["name"], secret[reference["key"]]
        elif not reference.get("optional"):
            raise WorkflowFailedError(f"the Secret {reference['name']} has no {reference['key']}")


class AsProcess:
    """As a process of this machine: the container's paths become folders of the test's."""

    def __call__(self, pod: Pod) -> subprocess.CompletedProcess[str]:
        words = [*pod.container["command"], *pod.container["args"]]
        places = {**{there: str(here) for there, here in pod.inputs.items()}, "/octavo/out": str(pod.volumes["out"])}
        for there, here in places.items():
            words = [re.sub(rf"={re.escape(there)}(?=/|$)", f"={here}", word) for word in words]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        own = {
            "PATH": path,
            "HOME": str(pod.volumes["tmp"]),
            "TMPDIR": str(pod.volumes["tmp"]),
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "OCTAVO_STORE_FOLDER": str(pod.volumes.get("object-store", "")),
        }
        return subprocess.run(words, env={**own, **pod.variables}, capture_output=True, text=True, check=False)


class Repository:
    """The artifact repository that the workflow's ConfigMap describes."""

    def __init__(self, settings: Document, secrets: Entries) -> None:
        s3 = settings["s3"]
        keys = [secrets[s3[part]["name"]][s3[part]["key"]] for part in ("accessKeySecret", "secretKeySecret")]
        self.bucket = s3["bucket"]
        self.client = Minio(
            s3["endpoint"],
            *keys,
            secure=not s3["insecure"],
            region=s3.get("region"),
            http_client=PoolManager(maxsize=8),
        )

    def put(self, path: Path, key: str) -> None:
        """A file under its key, a folder's files under it; `archive: none`."""
        files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
        for file in files:
            suffix = "" if file == path else f"/{file.relative_to(path)}"
            self.client.fput_object(self.bucket, key + suffix, str(file))

    def get(self, key: str, path: Path) -> None:
        """The object of that key, or all objects under it as a folder."""
        names = [each.object_name for each in self.client.list_objects(self.bucket, key, recursive=True)]
        if key in names:
            self.client.fget_object(self.bucket, key, str(path))
            return
        below = [name for name in names if name is not None and name.startswith(f"{key}/")]
        if not below:
            raise WorkflowFailedError(f"there is no artifact {key}")
        for name in below:
            self.client.fget_object(self.bucket, name, str(path / name.removeprefix(f"{key}/")))


@dataclass
class Workflow:
    """A run of a WorkflowTemplate.

    Attributes:
        manifests: what Helm rendered.
        parameters: those that are given to the run.
        secrets: the namespace's, by name.
        folder: for the pods' files.
        run_pod: how containers run.
        ran: each pod that was begun, by its name, again where it was tried again.
    """

    manifests: list[Document]
    parameters: Mapping[str, str]
    secrets: Entries
    folder: Path
    run_pod: Runner
    ran: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (template,) = [each for each in self.manifests if each["kind"] == "WorkflowTemplate"]
        self.spec = template["spec"]
        self.templates = {each["name"]: each for each in self.spec["templates"]}
        reference = self.spec["artifactRepositoryRef"]
        (settings,) = [each for each in self.manifests if each["metadata"]["name"] == reference["configMap"]]
        self.repository = Repository(yaml.safe_load(settings["data"][reference["key"]]), self.secrets)
        self.globals = {"workflow.name": "octavo-x7k2p", "workflow.uid": "0b1c", "workflow.namespace": "vision"}
        self.globals |= self._workflow_parameters()
        self._outputs: dict[str, Any] = {}
        self._lock = threading.Lock()

    def _workflow_parameters(self) -> dict[str, str]:
        declared = {each["name"]: each.get("value") for each in self.spec["arguments"]["parameters"]}
        unknown = set(self.parameters) - set(declared)
        values = {**declared, **self.parameters}
        missing = sorted(name for name, value in values.items() if value is None)
        if unknown or missing:
            raise WorkflowFailedError(f"parameters: unknown {sorted(unknown)}, missing {missing}")
        return {f"workflow.parameters.{name}": str(value) for name, value in values.items()}

    def run(self) -> None:
        """Run the entrypoint's DAG to its end.

        Raises:
            WorkflowFailedError: when a pod fails every time, or a reference leads nowhere.
        """
        dag = self.templates[self.spec["entrypoint"]]
        left = {task["name"]: task for task in dag["dag"]["tasks"]}
        done: set[str] = set()
        with ThreadPoolExecutor(min(dag["parallelism"], 2)) as pool:
            running: dict[Future[Any], tuple[str, list[Future[Any]]]] = {}
            while left or running:
                for name in [name for name, task in left.items() if _needs(task) <= done]:
                    futures = [pool.submit(self._pod, *pod) for pod in self._pods(left.pop(name))]
                    running |= dict.fromkeys(futures, (name, futures))
                if not running:
                    raise WorkflowFailedError(f"tasks wait for each other: {sorted(left)}")
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    name, futures = running.pop(future)
                    future.result()
                    if all(each.done() for each in futures):
                        done.add(name)

    def _pods(self, task: Document) -> Iterator[tuple[Document, dict[str, str], str]]:
        """The task and what its placeholders stand for, once, or once for each item of `withParam`."""
        scope = {**self.globals, **self._outputs}
        if "withParam" not in task:
            yield task, scope, task["name"]
            return
        for item in json.loads(_filled(task["withParam"], scope)):
            yield task, {**scope, "item": json.dumps(item)}, f"{task['name']}-{item['kind']}-{item['shard']}"

    def _pod(self, task: Document, scope: dict[str, str], name: str) -> None:
        template = self.templates[task["template"]]
        given = {each["name"]: _filled(each["value"], scope) for each in _part(task, "arguments", "parameters")}
        wanted = {each["name"] for each in _part(template, "inputs", "parameters")}
        if given.keys() != wanted:
            raise WorkflowFailedError(f"{name}: given {sorted(given)}, wanted {sorted(wanted)}")
        local = {**self.globals, **{f"inputs.parameters.{each}": value for each, value in given.items()}}
        strategy = template["retryStrategy"]
        assert (strategy["retryPolicy"], strategy["expression"]) == ("Always", TRIED_AGAIN)
        for attempt in range(int(strategy["limit"]) + 1):
            with self._lock:
                self.ran.append(name)
            out = self.folder / name / str(attempt)
            done = self.run_pod(self._ready(task, template, scope, local, name, out))
            if done.returncode == 0:
                self._keep(task, template, local, out)
                return
            if done.returncode == 2:
                break
        raise WorkflowFailedError(f"{name}: exit status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}")

    def _ready(
        self, task: Document, template: Document, scope: dict[str, str], local: dict[str, str], name: str, out: Path
    ) -> Pod:
        inputs = {}
        sources = {each["name"]: each["from"] for each in _part(task, "arguments", "artifacts")}
        for artifact in _part(template, "inputs", "artifacts"):
            key = _filled(sources[artifact["name"]], scope) if artifact["name"] in sources else ""
            path = out / "in" / artifact["name"]
            path.parent.mkdir(parents=True, exist_ok=True)
            self.repository.get(key or _filled(artifact["s3"]["key"], local), path)
            inputs[artifact["path"]] = path
        container = json.loads(json.dumps(template["container"]))
        container["args"] = [_filled(word, local) for word in container["args"]]
        variables = dict(looked_up(container, self.secrets))
        volumes = make_volumes(self.spec, out / "volumes", self.secrets, {})
        return Pod(name, container, self.spec["securityContext"], variables, inputs, volumes)

    def _keep(self, task: Document, template: Document, local: dict[str, str], out: Path) -> None:
        """Put the outputs into the repository; what they are called is for later tasks."""
        for artifact in _part(template, "outputs", "artifacts"):
            assert artifact["archive"] == {"none": {}}
            path = out / "volumes" / "out" / Path(artifact["path"]).relative_to("/octavo/out")
            if not path.exists():
                raise WorkflowFailedError(f"{task['name']} left no {artifact['path']}")
            key = _filled(artifact["s3"]["key"], local)
            self.repository.put(path, key)
            self._outputs[f"tasks.{task['name']}.outputs.artifacts.{artifact['name']}"] = key
        for parameter in _part(template, "outputs", "parameters"):
            path = out / "volumes" / "out" / Path(parameter["valueFrom"]["path"]).relative_to("/octavo/out")
            self._outputs[f"tasks.{task['name']}.outputs.parameters.{parameter['name']}"] = path.read_text().strip()


def _needs(task: Document) -> set[str]:
    return set(task["depends"].split(" && ")) if "depends" in task else set()


def _part(document: Document, part: str, name: str) -> list[Document]:
    found: list[Document] = document.get(part, {}).get(name, [])
    return found


def _filled(text: str, scope: Mapping[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        if found[1] not in scope:
            raise WorkflowFailedError(f"nothing is called {found[1]} in {text!r}")
        return scope[found[1]]

    return PLACEHOLDER.sub(value, text)
