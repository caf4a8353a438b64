"""A fake Kubernetes API server: one namespace in memory, and the requests that a backend makes."""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

Found = dict[str, Any]

EXTRACTOR: Found = {
    "metadata": {"name": "extractor", "generation": 1},
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": "extractor"}},
        "template": {"metadata": {}, "spec": {"containers": []}},
    },
}
LISTS = {"jobs": "JobList", "pods": "PodList", "events": "EventList"}


@dataclass
class ApiServer:
    """Objects by kind and name. A Deployment's pods are ready at once, unless its template's metadata says "broken"."""

    objects: dict[tuple[str, str], Found] = field(default_factory=dict)
    broken: int = 0
    """The status of every answer; 0: each request gets its real answer."""
    allows: Callable[[Found], bool] = lambda spec: True
    """Whether it allows what an access review asks for."""
    asked: list[str] = field(default_factory=list)
    """Method and path of every request so far."""
    waiting: list[str] = field(default_factory=list)
    """The paths of requests that are not answered yet."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._silent = ""
        self._heard = threading.Condition()
        self.put("deployments", copy.deepcopy(EXTRACTOR))

    def put(self, kind: str, found: Found) -> Found:
        """Store an object and raise its resourceVersion."""
        metadata = found["metadata"]
        metadata["resourceVersion"] = str(int(metadata.get("resourceVersion", 0)) + 1)
        metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        metadata.setdefault("uid", str(uuid4()))
        if kind == "deployments":
            _settle(found)
        self.objects[kind, metadata["name"]] = found
        return found

    @property
    def extractor(self) -> Found:
        return self.objects["deployments", "extractor"]

    def silence(self, path: str) -> None:
        """From now on answer no request with `path` in its path. Empty: answer all requests, also those that wait."""
        with self._heard:
            self._silent = path
            self._heard.notify_all()

    def wait(self, path: str) -> None:
        """Wait until a request of this path may be answered."""
        with self._heard:
            self.waiting.append(path)
            self._heard.wait_for(lambda: not self._silent or self._silent not in path)
            self.waiting.remove(path)

    def answer(self, method: str, path: str, body: Found, selector: str = "") -> tuple[int, Found]:
        """The status and body for a request of /apis/GROUP/VERSION/namespaces/NAMESPACE/KIND[/NAME[/PART]]."""
        self.asked.append(f"{method} {path}")
        if self.broken:
            return self.broken, {}
        if path.endswith("accessreviews"):
            return 201, {"status": {"allowed": self.allows(body["spec"])}}
        kind, name, *_ = [*path.partition("/namespaces/")[2].split("/")[1:], ""]
        with self._lock:
            if method == "POST":
                return self._create(kind, body)
            if not name:
                found = [item for (item_kind, _), item in self.objects.items() if item_kind == kind]
                items = [item for item in found if _has_labels(item, selector)]
                return 200, {"kind": LISTS[kind], "items": items}
            if (kind, name) not in self.objects:
                return 404, {}
            return self._change(method, kind, self.objects[kind, name], body)

    def _create(self, kind: str, body: Found) -> tuple[int, Found]:
        if (kind, body["metadata"]["name"]) in self.objects:
            return 409, {"reason": "AlreadyExists"}
        return 201, self.put(kind, body)

    def _change(self, method: str, kind: str, known: Found, body: Found) -> tuple[int, Found]:
        if method == "GET":
            return 200, known
        current = known["metadata"]["resourceVersion"]
        if body.get("metadata", {}).get("resourceVersion", current) != current:
            return 409, {"reason": "Conflict"}
        if method == "DELETE":
            return 200, self.objects.pop((kind, known["metadata"]["name"]))
        if method == "PUT":
            return 200, self.put(kind, body)
        _merge(known, body)
        return 200, self.put(kind, known)


def _has_labels(found: Found, selector: str) -> bool:
    """Whether an object has the labels of a selector, `name=value,…`. One without labels is of every selector."""
    labels = found["metadata"].get("labels")
    if labels is None:
        return True
    wanted = (pair.split("=") for pair in selector.split(",") if pair)
    return all(labels.get(name) == value for name, value in wanted)


def _merge(known: Found, patch: Found) -> None:
    for key, value in patch.items():
        if value is None:
            known.pop(key, None)
        elif isinstance(value, dict):
            _merge(known.setdefault(key, {}), value)
        else:
            known[key] = value


def _settle(deployment: Found) -> None:
    """Set the status of a Deployment to what its spec asks for."""
    wanted = deployment["spec"]["replicas"]
    deployment["metadata"]["generation"] += 1
    deployment["status"] = {
        "observedGeneration": deployment["metadata"]["generation"],
        "replicas": wanted,
        "updatedReplicas": wanted,
        "readyReplicas": 0 if "broken" in json.dumps(deployment["spec"]["template"]["metadata"]) else wanted,
    }


@contextmanager
def served(state: ApiServer, folder: Path) -> Iterator[Path]:
    """Serve `state` on a local port while the context lasts. Yields the path of a kubeconfig for it."""

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            state.wait(self.path)
            parts = urlsplit(self.path)
            selector = parse_qs(parts.query).get("labelSelector", [""])[0]
            status, found = state.answer(self.command, parts.path, json.loads(body or b"{}"), selector)
            payload = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield _kubeconfig(folder / "kubeconfig", f"http://127.0.0.1:{server.server_address[1]}")
    finally:
        state.silence("")
        server.shutdown()
        server.server_close()
        thread.join()


def _kubeconfig(path: Path, url: str) -> Path:
    content = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": url}}],
        "users": [{"name": "me", "user": {}}],
    }
    path.write_text(json.dumps(content), encoding="utf-8")
    return path
