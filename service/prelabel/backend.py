"""Asks a running backend for predictions, as Label Studio does.

The backend answers by the code, the model and the thresholds of every other prediction, so its version names are the
ones that Label Studio knows. A model of this process's own would need its memory a second time, and on a cluster a GPU.
The extractor takes windows from each request in turn, so one request of many tasks delays no annotator by more than a
batch of the model.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from service.labelstudio.client import LOGIN
from service.prelabel.settings import PrelabelSettings
from service.prelabel.stopping import Stopping

log = logging.getLogger(__name__)

ANSWER_SECONDS = 100.0
"""The backend answers within 95 seconds at most."""
RETRY_SECONDS = 5.0
PATIENCE_SECONDS = 900.0
"""How long a backend is waited for that does not answer or has no model: its extractor may have to start."""


class BackendError(RuntimeError):
    """The backend refuses, or does not answer in PATIENCE_SECONDS; says what to do."""


class BatchFailed(RuntimeError):
    """The backend works, but it does not answer these tasks; the message says what it does."""


class _NoAnswer(Exception):
    """Another try may be answered. The message is a status or the kind of an error."""

    def __init__(self, what: str, why: str = "") -> None:
        super().__init__(what)
        self.why = why


class Backend:
    """The backend of the settings. Every method raises BackendError, and Stopped where it waits."""

    def __init__(
        self, settings: PrelabelSettings, stopping: Stopping, told: Callable[[str], None] = lambda why: None
    ) -> None:
        """`told` is told why it waits, and with an empty text that it waits no more.

        A login in the address counts where the settings have none. It is not shown anywhere.
        """
        self._told = told
        self._url = LOGIN.sub("//", settings.backend_url.strip().rstrip("/"))
        self._http = httpx.Client(base_url=self._url, auth=_login(settings), timeout=ANSWER_SECONDS, trust_env=False)
        self._stopping = stopping

    def version(self, project: int, label_config: str) -> str:
        """The version that answers for a project, as Label Studio sees it."""
        return str(self._ask("/model_version", {"project": str(project), "schema": label_config})["model_version"])

    def predict(self, project: int, label_config: str, tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """One item a task, in order: as /predict answers it.

        Raises BatchFailed where the backend answers a request without tasks, which reaches the model too, but not
        this one. A backend that answers neither is waited for.
        """
        body: dict[str, Any] = {"project": str(project), "label_config": label_config}
        asked = [{"id": task["id"], "data": task.get("data")} for task in tasks]
        try:
            answer = self._answer("/predict", {**body, "tasks": asked})
        except _NoAnswer as error:
            log.warning("%d tasks from %s on got no answer (%s %s)", len(tasks), tasks[0]["id"], error, error.why)
            self._ask("/predict", {**body, "tasks": []})
            raise BatchFailed(f"the backend gave no prediction ({error})") from error
        items = answer.get("results")
        if not isinstance(items, list) or len(items) != len(tasks):
            raise BackendError(f"What answers at {self._url} is no backend of Spanloop; check SPANLOOP_BACKEND_URL.")
        return items

    def _ask(self, path: str, body: object) -> dict[str, Any]:
        """The answer. A backend that is away or has no model is asked again; a prediction changes nothing."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                answer = self._answer(path, body)
            except _NoAnswer as error:
                why = f"{error} {error.why}".strip()
            else:
                self._told("")
                return answer
            if time.monotonic() > deadline:
                raise BackendError(f"The backend at {self._url} does not answer ({why}); run this again when it does.")
            log.warning("the backend does not answer (%s); it is asked again", why)
            self._told(f"the backend does not answer ({why}); it is asked again")
            self._stopping.rest(RETRY_SECONDS)

    def _answer(self, path: str, body: object) -> dict[str, Any]:
        """The answer to one request. Raises _NoAnswer."""
        # Escaped: a task may hold half a surrogate pair, which has no encoding.
        content, kind = json.dumps(body).encode(), {"Content-Type": "application/json"}
        try:
            response = self._http.post(path, content=content, headers=kind)
        except httpx.TransportError as error:
            raise _NoAnswer(type(error).__name__) from error
        if response.status_code >= 500 or response.status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            raise _NoAnswer(str(response.status_code), _error(response))
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise BackendError(
                "The backend refuses the credentials: set SPANLOOP_BASIC_AUTH_USERNAME and "
                "SPANLOOP_BASIC_AUTH_PASSWORD."
            )
        found = _json(response)
        if not response.is_success or found is None:
            raise BackendError(f"The backend at {self._url} answered {response.status_code}: {_error(response)}")
        return found


def _login(settings: PrelabelSettings) -> httpx.BasicAuth | None:
    if settings.login.is_set:
        return httpx.BasicAuth(*settings.login)
    try:
        address = httpx.URL(settings.backend_url.strip())
    except httpx.InvalidURL:  # its message quotes the login
        raise BackendError("SPANLOOP_BACKEND_URL is no address that can be used; set it again.") from None
    return httpx.BasicAuth(address.username, address.password) if address.userinfo else None


def _json(response: httpx.Response) -> dict[str, Any] | None:
    try:
        found = response.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _error(response: httpx.Response) -> str:
    return str((_json(response) or {}).get("error", "no reason is given"))
