"""A server that speaks as much of the API of Kubernetes as octavo's commands ask, and keeps its state.

What it answers is read by the official client's own models.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml


@dataclass
class Cluster:
    """What the server holds.

    Attributes:
        objects: path -> the object, or the list, that is there.
        logs: pod -> what it printed.
        forbidden: paths that the caller may not read.
        on_create: called with a created object; may change it.
        on_get: called with an object before it is sent; may change it.
        failing: how many questions after a Workflow to answer with 503 before working again.
        requests: every request, as METHOD path.
    """

    objects: dict[str, Any] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    on_create: Callable[[Any], object] = bool
    on_get: Callable[[Any], object] = bool
    failing: int = 0
    requests: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        self.requests.append(f"{method} {path}")
        if (refusal := self._refusal(method, path)) is not None:
            return refusal
        if method == "POST":
            return self._create(path, body)
        if method == "GET" and (found := self._derived(path, query)) is not None:
            return 200, found
        if path not in self.objects:
            kind, name = path.split("/")[-2:]
            return 404, _status(404, f'{kind} "{name}" not found')
        if method == "DELETE":
            return 200, self.objects.pop(path)
        self.on_get(self.objects[path])
        return 200, self.objects[path]

    def _refusal(self, method: str, path: str) -> tuple[int, Any] | None:
        if self.failing and method == "GET" and "/workflows/" in path:
            self.failing -= 1
            return 503, _status(503, "the server is currently unable to handle the request")
        if path in self.forbidden:
            return 403, _status(403, f"{path} is forbidden: User cannot do that")
        return None

    def _derived(self, path: str, query: dict[str, str]) -> Any:
        """What is asked for that is no object: a pod's log, or a list by label; None for others."""
        if path.endswith("/log") and path.split("/")[-2] in self.logs:
            printed = self.logs[path.split("/")[-2]].splitlines()
            return "\n".join(printed[-int(query["tailLines"]) :]) + "\n"
        if path.endswith(("/pods", "/events")) and query.keys() & {"labelSelector", "fieldSelector"}:
            return self._list(path, query)
        return None

    def _list(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        """The objects of a namespace that have a label, and fields."""
        label, _, value = query.get("labelSelector", "").partition("=")
        fields = [each.partition("=") for each in query.get("fieldSelector", "").split(",") if each]
        there = [found for name, found in self.objects.items() if name.startswith(f"{path}/")]
        chosen = [
            each
            for each in there
            if (not label or each["metadata"].get("labels", {}).get(label) == value)
            and all(_field(each, name) == wanted for name, _, wanted in fields)
        ]
        return {"apiVersion": "v1", "kind": "List", "metadata": {}, "items": chosen}

    def _create(self, path: str, body: Any) -> tuple[int, Any]:
        metadata = body["metadata"]
        if f"{path}/{metadata.get('name')}" in self.objects:
            return 409, _status(409, f'"{metadata["name"]}" already exists')
        name = metadata.get("name") or f"{metadata['generateName']}x7k2p"
        made = {**body, "metadata": {**metadata, "name": name, "namespace": path.split("/")[-2]}}
        self.objects[f"{path}/{name}"] = made
        self.on_create(made)
        return 201, made


def _field(found: Any, name: str) -> Any:
    for part in name.split("."):
        found = found.get(part, {})
    return found


def _status(code: int, message: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code}


@contextmanager
def kubernetes_server(cluster: Cluster, kubeconfig: Path) -> Iterator[None]:
    """The server runs, and the kubeconfig leads to it, while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            sent = self.rfile.read(int(self.headers.get("content-length") or 0))
            code, document = cluster.answer(self.command, url.path, query, json.loads(sent) if sent else None)
            plain = isinstance(document, str)
            content = document.encode() if plain else json.dumps(document).encode()
            self.send_response(code)
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

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "test",
                "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
                "users": [{"name": "test", "user": {"token": "t"}}],
                "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
            }
        )
    )
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
