"""A real Label Studio on this machine, and a client that does what a person does in it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.support.servers import Server, free_port

USER = "admin@example.com"
PASSWORD = "spanloop-demo"
TOKEN = "0123456789abcdef0123456789abcdef01234567"

PRIVATE_ADDRESSES = {"ML_BLOCK_LOCAL_IP": "false", "SSRF_PROTECTION_ENABLED": "false"}
"""Label Studio refuses models at private addresses unless both are set."""


def start(
    program: Path, folder: Path, port: int, host: str = "127.0.0.1", environment: Mapping[str, str] = {}
) -> Server:
    """Start Label Studio with its data in `folder`, which gets a copy of a migrated database, and with more variables.

    The migrations take half a minute. They run once; the migrated database is kept beside the program.
    """
    migrated = program.parent.parent / "migrated"
    if not migrated.exists():
        _migrate(program, migrated)
    shutil.copytree(migrated, folder, dirs_exist_ok=True)
    return _serve(program, folder, port, host, environment)


def start_empty(program: Path, folder: Path, port: int, environment: Mapping[str, str]) -> Server:
    """Start Label Studio with more variables, for another database: it migrates it first, which takes a minute."""
    folder.mkdir(parents=True, exist_ok=True)
    return _serve(program, folder, port, "127.0.0.1", environment)


def _migrate(program: Path, target: Path) -> None:
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    server = _serve(program, partial, free_port(8080), "127.0.0.1")
    try:
        server.wait()
    finally:
        server.stop()
    partial.rename(target)


def _serve(program: Path, folder: Path, port: int, host: str, more: Mapping[str, str] = {}) -> Server:
    url = f"http://{host}:{port}"
    options = ["--no-browser", "--internal-host", host, "--port", str(port), "--data-dir", str(folder)]
    return Server(
        "Label Studio",
        [str(program), "start", *options],
        {**_environment(folder, url), **more},
        url,
        folder / "log.txt",
    )


def _environment(folder: Path, url: str) -> dict[str, str]:
    return {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_HOST": url,
        "LABEL_STUDIO_USERNAME": USER,
        "LABEL_STUDIO_PASSWORD": PASSWORD,
        "LABEL_STUDIO_USER_TOKEN": TOKEN,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        **PRIVATE_ADDRESSES,
    }


class Client:
    """Label Studio's API as a person's clicks use it. Every call raises httpx.HTTPStatusError if it is refused."""

    def __init__(self, url: str, token: str = TOKEN) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, headers={"Authorization": f"Token {token}"}, timeout=120)

    def create_project(self, title: str, label_config: str) -> int:
        return int(self._post("/api/projects/", {"title": title, "label_config": label_config})["id"])

    def import_texts(self, project: int, texts: Sequence[str]) -> None:
        self._post(f"/api/projects/{project}/import", [{"text": text} for text in texts])

    def tasks(self, project: int) -> list[dict[str, Any]]:
        """All tasks with their annotations and predictions."""
        query: dict[str, str | int] = {"project": project, "page_size": 10_000, "fields": "all"}
        response = self._http.get("/api/tasks", params=query)
        response.raise_for_status()
        tasks: list[dict[str, Any]] = response.json()["tasks"]
        return tasks

    def connect_model(self, project: int, url: str, extra_params: dict[str, Any] | None = None) -> int:
        """Connect a model with interactive pre-annotation. Returns the model's id."""
        body = {"project": project, "url": url, "title": "Spanloop", "is_interactive": True}
        return int(self._post("/api/ml/", body | ({"extra_params": extra_params} if extra_params else {}))["id"])

    def retrieve_predictions(self, project: int) -> None:
        """Select all tasks and choose Retrieve Predictions."""
        params = {"id": "retrieve_tasks_predictions", "project": project}
        self._post("/api/dm/actions", {"selectedItems": {"all": True, "excluded": []}}, params)

    def annotate(self, task: int, regions: Sequence[dict[str, Any]]) -> int:
        return int(self._post(f"/api/tasks/{task}/annotations/", {"result": list(regions), "lead_time": 5.0})["id"])

    def start_training(self, model: int) -> None:
        self._http.post(f"/api/ml/{model}/train").raise_for_status()

    def model_version(self, model: int) -> str:
        """The version that the model names. Label Studio asks the model for it."""
        response = self._http.get(f"/api/ml/{model}")
        response.raise_for_status()
        return str(response.json()["model_version"])

    def _post(self, path: str, body: object, params: dict[str, Any] | None = None) -> Any:
        response = self._http.post(path, json=body, params=params)
        response.raise_for_status()
        return response.json()
