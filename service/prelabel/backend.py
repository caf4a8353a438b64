"""Asks a running backend for predictions, as Label Studio does.

The backend answers by the code, the model and the thresholds of every other prediction, so its version names are the
ones that Label Studio knows. A model of this process's own would need its memory a second time, and on a cluster a GPU.
The extractor takes windows from each request in turn, so one request of many tasks delays no annotator by more than a
batch of the model.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from service.prelabel.settings import PrelabelSettings

log = logging.getLogger(__name__)

ANSWER_SECONDS = 100.0
"""The backend answers within 95 seconds at most."""
RETRY_SECONDS = 5.0
PATIENCE_SECONDS = 900.0
"""How long a backend is waited for that does not answer or has no model: its extractor may have to start."""


class BackendError(RuntimeError):
    """The backend refuses, or does not answer in PATIENCE_SECONDS; says what to do."""


class Backend:
    """The backend of the settings. Every method raises BackendError."""

    def __init__(
        self,
        settings: PrelabelSettings,
        told: Callable[[str], None] = lambda why: None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """`told` is told why it waits, and with an empty text that it waits no more; `is_over` ends every wait."""
        self._told = told
        self._is_over = is_over
        self._url = settings.backend_url.rstrip("/")
        name, password = settings.basic_auth_username, settings.basic_auth_password.get_secret_value()
        auth = httpx.BasicAuth(name, password) if name or password else None
        self._http = httpx.Client(base_url=self._url, auth=auth, timeout=ANSWER_SECONDS, trust_env=False)

    def version(self, project: int, label_config: str) -> str:
        """The version that answers for a project, as Label Studio sees it."""
        return str(self._ask("/model_version", {"project": str(project), "schema": label_config})["model_version"])

    def predict(self, project: int, label_config: str, tasks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """One item a task, in order: as /predict answers it."""
        asked = [{"id": task["id"], "data": task.get("data")} for task in tasks]
        items = self._ask("/predict", {"project": str(project), "label_config": label_config, "tasks": asked})[
            "results"
        ]
        if not isinstance(items, list) or len(items) != len(tasks):
            raise BackendError(f"What answers at {self._url} is no backend of Spanloop; check SPANLOOP_BACKEND_URL.")
        return items

    def _ask(self, path: str, body: object) -> dict[str, Any]:
        """The answer. A backend that is away or has no model is asked again; a prediction changes nothing."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            why = self._why_not(path, body)
            if isinstance(why, dict):
                self._told("")
                return why
            if time.monotonic() > deadline or self._is_over():
                raise BackendError(f"The backend at {self._url} does not answer ({why}); run this again when it does.")
            log.warning("the backend does not answer (%s); it is asked again", why)
            self._told(f"the backend does not answer ({why}); it is asked again")
            time.sleep(RETRY_SECONDS)

    def _why_not(self, path: str, body: object) -> dict[str, Any] | str:
        """The answer, or why another try may have one."""
        try:
            response = self._http.post(path, json=body)
        except httpx.TransportError as error:
            return type(error).__name__
        if response.status_code >= 500:
            return f"{response.status_code}: {_error(response)}"
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise BackendError(
                "The backend refuses the credentials: set SPANLOOP_BASIC_AUTH_USERNAME and "
                "SPANLOOP_BASIC_AUTH_PASSWORD."
            )
        found = _json(response)
        if not response.is_success or found is None:
            raise BackendError(f"The backend at {self._url} answered {response.status_code}: {_error(response)}")
        return found


def _json(response: httpx.Response) -> dict[str, Any] | None:
    try:
        found = response.json()
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _error(response: httpx.Response) -> str:
    return str((_json(response) or {}).get("error", "no reason is given"))
