"""A server that speaks the API of Kubeflow Pipelines, v2beta1, and keeps its state.

Paths, fields and types are those of kfp-server-api's own models: what one of them does not know is refused, and every
answer is made of one.
"""

from __future__ import annotations

import email
import email.policy
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import kfp_server_api as api
import yaml

PAGE = 3
"""Entries a page, however many are asked for: clients must follow the pages."""

ENDED = ("SUCCEEDED", "SKIPPED", "FAILED", "CANCELED")
"""The states of runs that do not go on."""

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class RefusalError(Exception):
    """A request that the server refuses."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class State:
    """What the server holds, and every request that changed it.

    Attributes:
        token: the bearer token it demands; None for none.
        multi_user: whether lists and experiments need a namespace.
        version: what it says it is.
        logs: name of a pod of a run -> what it printed.
        failing: how many requests to answer with 503 before working again.
        failing_uploads: the same for uploads of versions alone.
        killed: runs whose Workflow Kubernetes has deleted together with their recurring run; they say RUNNING for ever.
    """

    token: str | None = None
    multi_user: bool = False
    version: str = "2.17.0"
    logs: dict[str, str] = field(default_factory=dict)
    failing: int = 0
    failing_uploads: int = 0
    pipelines: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    experiments: dict[str, Any] = field(default_factory=dict)
    recurring_runs: dict[str, Any] = field(default_factory=dict)
    runs: dict[str, Any] = field(default_factory=dict)
    killed: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    on_run: Callable[[Any], object] = bool
    _ids: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def writes(self) -> list[str]:
        """The requests that were no GET."""
        return [request for request in self.requests if not request.startswith("GET")]

    def fire(self, recurring_run: Any) -> Any:
        """The run that the controller begins when a recurring run's time has come."""
        assert recurring_run.mode == "ENABLE", "a disabled recurring run begins none"
        run = api.V2beta1Run(
            run_id=self.new_id("run"),
            display_name=recurring_run.display_name,
            experiment_id=recurring_run.experiment_id,
            recurring_run_id=recurring_run.recurring_run_id,
            state="RUNNING",
            created_at=NOW,
        )
        self.runs[run.run_id] = run
        return run

    def new_id(self, kind: str) -> str:
        return f"{kind}-{next(self._ids):04d}"


def read_model(kind: str, document: Any) -> Any:
    """A model made of JSON.

    Raises:
        RefusalError: when it has a field that the model does not know, as the server's gateway answers.
    """
    model = getattr(api, kind)
    unknown = set(document) - set(model.attribute_map.values())
    if unknown:
        raise RefusalError(400, f"proto: (line 1:2): unknown field {min(unknown)!r}")
    response = type("Response", (), {"data": json.dumps(document)})()
    return api.ApiClient().deserialize(response, kind)


def filtered(entries: list[Any], query: dict[str, str]) -> list[Any]:
    """The entries that a filter keeps: EQUALS on text fields."""
    for predicate in json.loads(query.get("filter") or "{}").get("predicates", []):
        if predicate["operation"] not in ("EQUALS", 1):
            raise RefusalError(500, f"this test server knows no {predicate}")
        entries = [entry for entry in entries if getattr(entry, predicate["key"]) == predicate["stringValue"]]
    return entries


def page(entries: list[Any], query: dict[str, str], kind: str, name: str) -> Any:
    """One page of a list as the model of the answer."""
    start = int(query.get("page_token") or 0)
    stop = start + min(PAGE, int(query.get("page_size") or PAGE))
    following = {"next_page_token": str(stop)} if stop < len(entries) else {}
    return getattr(api, kind)(**{name: entries[start:stop]}, total_size=len(entries), **following)


TYPES = {"STRING": str, "NUMBER_INTEGER": int, "NUMBER_DOUBLE": int | float, "BOOLEAN": bool}
"""What the server takes for a parameter of each kind."""


class Service:
    """The verbs, each a method that takes the state, the path's parts, the query and the body."""

    def __init__(self, state: State) -> None:
        self.state = state
        root = "/apis/v2beta1"
        one = r"(?P<key>[\w-]+)"
        self.routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", f"{root}/healthz", self.health),
            ("GET", f"{root}/pipelines", self.list_pipelines),
            ("POST", f"{root}/pipelines", self.create_pipeline),
            ("POST", f"{root}/pipelines/upload_version", self.upload_version),
            ("GET", f"{root}/pipelines/{one}/versions", self.list_versions),
            ("GET", f"{root}/experiments", self.list_experiments),
            ("POST", f"{root}/experiments", self.create_experiment),
            ("GET", f"{root}/recurringruns", self.list_recurring_runs),
            ("POST", f"{root}/recurringruns", self.create_recurring_run),
            ("DELETE", f"{root}/recurringruns/{one}", self.delete_recurring_run),
            ("POST", f"{root}/recurringruns/{one}:enable", partial(self.switch, "ENABLE")),
            ("POST", f"{root}/recurringruns/{one}:disable", partial(self.switch, "DISABLE")),
            ("GET", f"{root}/runs", self.list_runs),
            ("POST", f"{root}/runs", self.create_run),
            ("GET", f"{root}/runs/{one}", self.get_run),
            ("GET", rf"/apis/v1alpha1/runs/{one}/nodes/(?P<node>[\w-]+)/log", self.log),
        ]

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Any:
        url = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.state.requests.append(f"{method} {url.path}")
        if self.state.failing:
            self.state.failing -= 1
            raise RefusalError(503, "no healthy upstream")
        if self.state.token is not None and headers.get("authorization") != f"Bearer {self.state.token}":
            raise RefusalError(401, "Request header error: there is no valid token")
        for wanted, path, verb in self.routes:
            found = re.fullmatch(path, url.path)
            if wanted == method and found:
                return verb(query=query, headers=headers, body=body, **found.groupdict())
        raise RefusalError(404, f"Not Found: {method} {url.path}")

    def health(self, **_: Any) -> Any:
        about = {"commit_sha": "unknown", "tag_name": self.state.version, "pipeline_store": "database"}
        return {**about, "multi_user": self.state.multi_user}

    def list_pipelines(self, query: dict[str, str], **_: Any) -> Any:
        entries = [p for p in self.state.pipelines.values() if (p.namespace or "") == query.get("namespace", "")]
        return page(filtered(entries, query), query, "V2beta1ListPipelinesResponse", "pipelines")

    def create_pipeline(self, body: bytes, **_: Any) -> Any:
        given = read_model("V2beta1Pipeline", json.loads(body))
        name = given.name or given.display_name
        if any(pipeline.name == name for pipeline in self.state.pipelines.values()):
            raise RefusalError(409, f"Already exist error: The name {name} already exists. Please specify a new name")
        given.pipeline_id, given.created_at = self.state.new_id("pipeline"), NOW
        self.state.pipelines[given.pipeline_id] = given
        return given

    def list_versions(self, key: str, query: dict[str, str], **_: Any) -> Any:
        entries = [version for version in self.state.versions.values() if version.pipeline_id == key]
        return page(filtered(entries, query), query, "V2beta1ListPipelineVersionsResponse", "pipeline_versions")

    def upload_version(self, query: dict[str, str], headers: Any, body: bytes, **_: Any) -> Any:
        pipeline_id, name = query["pipelineid"], query["name"]
        if self.state.failing_uploads:
            self.state.failing_uploads -= 1
            raise RefusalError(503, "upstream connect error")
        if pipeline_id not in self.state.pipelines:
            raise RefusalError(404, f"ResourceNotFoundError: Pipeline {pipeline_id} not found")
        if any((v.pipeline_id, v.display_name) == (pipeline_id, name) for v in self.state.versions.values()):
            raise RefusalError(409, f"Already exist error: the version {name} exists")
        text = _uploaded_file(headers, body)
        pipeline_spec, platform_spec = yaml.safe_load_all(text)
        version = api.V2beta1PipelineVersion(
            pipeline_id=pipeline_id,
            pipeline_version_id=self.state.new_id("version"),
            display_name=name,
            name=name,
            description=query.get("description"),
            created_at=NOW + timedelta(minutes=len(self.state.versions)),
            pipeline_spec={"pipeline_spec": pipeline_spec, "platform_spec": platform_spec},
        )
        self.state.versions[version.pipeline_version_id] = version
        self.state.files[version.pipeline_version_id] = text
        return version

    def list_experiments(self, query: dict[str, str], **_: Any) -> Any:
        entries = self._of_namespace(self.state.experiments, query)
        return page(filtered(entries, query), query, "V2beta1ListExperimentsResponse", "experiments")

    def create_experiment(self, body: bytes, **_: Any) -> Any:
        given = read_model("V2beta1Experiment", json.loads(body))
        if self.state.multi_user and not given.namespace:
            raise RefusalError(400, "Invalid input error: Experiment namespace is empty in multi-user mode")
        given.experiment_id, given.created_at = self.state.new_id("experiment"), NOW
        self.state.experiments[given.experiment_id] = given
        return given

    def list_recurring_runs(self, query: dict[str, str], **_: Any) -> Any:
        entries = self._of_namespace(self.state.recurring_runs, query)
        return page(filtered(entries, query), query, "V2beta1ListRecurringRunsResponse", "recurring_runs")

    def create_recurring_run(self, body: bytes, **_: Any) -> Any:
        given = read_model("V2beta1RecurringRun", json.loads(body))
        self._check_reference(given)
        if len(given.trigger.cron_schedule.cron.split()) != 6:
            raise RefusalError(400, "Invalid input error: Schedule cron is not a supported format")
        given.recurring_run_id, given.created_at = self.state.new_id("recurring"), NOW
        given.namespace = self.state.experiments[given.experiment_id].namespace
        given.status = "ENABLED" if given.mode == "ENABLE" else "DISABLED"
        given.max_concurrency = str(given.max_concurrency)
        self.state.recurring_runs[given.recurring_run_id] = given
        return given

    def delete_recurring_run(self, key: str, **_: Any) -> Any:
        if self.state.recurring_runs.pop(key, None) is None:
            raise RefusalError(404, f"ResourceNotFoundError: Job {key} not found")
        own = [run for run in self.state.runs.values() if run.recurring_run_id == key]
        self.state.killed += [run.run_id for run in own if run.state not in ENDED]
        return {}

    def switch(self, mode: str, key: str, **_: Any) -> Any:
        run = self.state.recurring_runs[key]
        run.mode, run.status = mode, f"{mode}D"
        return {}

    def list_runs(self, query: dict[str, str], **_: Any) -> Any:
        if self.state.multi_user and not (query.get("namespace") or query.get("experiment_id")):
            raise RefusalError(400, "Invalid input error: A namespace or an experiment is required in multi-user mode")
        return page(filtered(list(self.state.runs.values()), query), query, "V2beta1ListRunsResponse", "runs")

    def create_run(self, body: bytes, **_: Any) -> Any:
        given = read_model("V2beta1Run", json.loads(body))
        self._check_reference(given)
        given.run_id, given.created_at, given.state = self.state.new_id("run"), NOW, "PENDING"
        self.state.runs[given.run_id] = given
        return given

    def get_run(self, key: str, **_: Any) -> Any:
        if key not in self.state.runs:
            raise RefusalError(404, f"ResourceNotFoundError: Run {key} not found")
        self.state.on_run(self.state.runs[key])
        return self.state.runs[key]

    def log(self, key: str, node: str, **_: Any) -> Any:
        """What a pod printed, read from the pod of that name or from where Argo keeps it."""
        if key not in self.state.runs or node not in self.state.logs:
            raise RefusalError(500, f"Failed to read logs for run {key}")
        return self.state.logs[node]

    def _check_reference(self, given: Any) -> None:
        """The version must be there, belong to the pipeline, and take the parameters."""
        reference = given.pipeline_version_reference
        if given.experiment_id not in self.state.experiments:
            raise RefusalError(404, f"ResourceNotFoundError: Experiment {given.experiment_id} not found")
        version = self.state.versions.get(reference.pipeline_version_id)
        if version is None or version.pipeline_id != reference.pipeline_id:
            raise RefusalError(404, "ResourceNotFoundError: PipelineVersion not found")
        wanted = version.pipeline_spec["pipeline_spec"]["root"]["inputDefinitions"]["parameters"]
        unknown = set(given.runtime_config.parameters or {}) - set(wanted)
        if unknown:
            raise RefusalError(400, f"Invalid input error: Unrecognized input parameter: {min(unknown)}")
        for name, value in (given.runtime_config.parameters or {}).items():
            kind = wanted[name]["parameterType"]
            if not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "BOOLEAN"):
                raise RefusalError(400, f"Invalid input error: input parameter {name} requires type {kind}")

    def _of_namespace(self, entries: dict[str, Any], query: dict[str, str]) -> list[Any]:
        namespace = query.get("namespace", "")
        if self.state.multi_user and not namespace:
            raise RefusalError(400, "Invalid input error: A namespace is required in multi-user mode")
        return [entry for entry in entries.values() if not self.state.multi_user or entry.namespace == namespace]


def _uploaded_file(headers: Any, body: bytes) -> str:
    """The file in a multipart form."""
    head = f"content-type: {headers['content-type']}\r\n\r\n".encode()
    form = email.message_from_bytes(head + body, policy=email.policy.HTTP)
    (part,) = [
        part for part in form.iter_parts() if part.get_param("name", header="content-disposition") == "uploadfile"
    ]
    return bytes(part.get_content()).decode()


class Handler(BaseHTTPRequestHandler):
    """One request: JSON in, JSON out."""

    protocol_version = "HTTP/1.1"
    service: Service

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            made = self.service.answer(self.command, self.path, self.headers, body)
            status, document = 200, made if isinstance(made, str) else api.ApiClient().sanitize_for_serialization(made)
        except RefusalError as refusal:
            status, document = refusal.status, {"error": str(refusal), "code": refusal.status, "message": str(refusal)}
        plain = isinstance(document, str)
        content = document.encode() if plain else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain" if plain else "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def kfp_server(state: State) -> Iterator[str]:
    """The server's address, while the block runs."""
    handler = type("Handler", (Handler,), {"service": Service(state)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
