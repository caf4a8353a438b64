"""What the backend asks of Label Studio: how many annotations there are, and when they last changed.

One light request a project. The export itself is the training run's, with Label Studio's SDK.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

import httpx

from service.settings import Settings

ANNOTATED_LATEST_FIRST = json.dumps(
    {
        "ordering": ["-tasks:updated_at"],
        "filters": {
            "conjunction": "and",
            "items": [
                {"filter": "filter:tasks:total_annotations", "operator": "greater", "value": 0, "type": "Number"}
            ],
        },
    }
)


class LabelStudioError(RuntimeError):
    """Label Studio could not be asked; says why and what to do."""


class Standing(NamedTuple):
    """Where the annotations of some projects stand: cheap to ask, and different whenever they changed."""

    fingerprint: str
    annotations: int


class LabelStudio:
    """A client with this backend's own API key: a legacy token or a personal access token."""

    def __init__(self, settings: Settings, timeout: float = 5.0) -> None:
        self._url = settings.label_studio_url.rstrip("/")
        self._key = settings.label_studio_api_key.get_secret_value()
        self._timeout = timeout

    def standing(self, projects: Iterable[int]) -> Standing:
        """Raises LabelStudioError where it cannot be known."""
        if not self._url or not self._key:
            raise LabelStudioError(
                "Label Studio's address or API key is not set: set SPANLOOP_LABEL_STUDIO_URL and "
                "SPANLOOP_LABEL_STUDIO_API_KEY (Account & Settings → Access Token) and start the backend again."
            )
        try:
            with httpx.Client(base_url=self._url, timeout=self._timeout) as client:
                client.headers["Authorization"] = self._authorization(client)
                return _sum([self._project(client, project) for project in projects])
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LabelStudioError(f"Label Studio at {self._url} does not answer ({error}).") from error

    def _project(self, client: httpx.Client, project: int) -> Standing:
        query: dict[str, str | int] = {"project": project, "page_size": 1, "query": ANNOTATED_LATEST_FIRST}
        response = client.get("/api/tasks", params=query)
        if response.status_code == httpx.codes.NOT_FOUND:
            return Standing(f"{project}:gone", 0)
        if response.status_code in (401, 403):
            raise LabelStudioError(
                "Label Studio refuses the API key: set SPANLOOP_LABEL_STUDIO_API_KEY to a valid one."
            )
        if response.is_error:
            raise LabelStudioError(f"Label Studio answered {response.status_code} when asked for project {project}.")
        body = response.json()
        latest = body["tasks"][0]["updated_at"] if body["tasks"] else ""
        return Standing(f"{project}:{body['total']}:{body['total_annotations']}:{latest}", body["total_annotations"])

    def _authorization(self, client: httpx.Client) -> str:
        if self._key.count(".") != 2:
            return f"Token {self._key}"
        response = client.post("/api/token/refresh", json={"refresh": self._key})
        if response.is_error:
            raise LabelStudioError("Label Studio refuses the personal access token; it may be expired or revoked.")
        return f"Bearer {response.json()['access']}"


def _sum(standings: list[Standing]) -> Standing:
    return Standing("|".join(s.fingerprint for s in standings), sum(s.annotations for s in standings))
