"""What the backend asks of Label Studio: how many annotations there are, and when they last changed.

Two light requests a project. The export itself is the training run's, with Label Studio's SDK.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import httpx

from service.errors import Cause
from service.settings import LabelStudioSettings

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

    cause = Cause.LABEL_STUDIO_UNREACHABLE


class AnnotationState(NamedTuple):
    """Where the annotations of some projects stand: cheap to ask, and different whenever they changed."""

    fingerprint: str
    annotations: int


class LabelStudio:
    """A client with this backend's own API key: a legacy token or a personal access token."""

    def __init__(self, settings: LabelStudioSettings, timeout: float = 5.0) -> None:
        self._url = settings.label_studio_url.rstrip("/")
        self._key = settings.label_studio_api_key.get_secret_value()
        self._timeout = timeout

    def standing(self, projects: Iterable[int]) -> AnnotationState:
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
        except httpx.LocalProtocolError as error:
            # Its message quotes the header, and so the key.
            raise LabelStudioError("The API key has characters that no key has; set it again.") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise LabelStudioError(f"Label Studio at {self._url} does not answer ({error}).") from error
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise LabelStudioError(
                f"What answers at {self._url} is not Label Studio's API: check SPANLOOP_LABEL_STUDIO_URL."
            ) from error

    def _project(self, client: httpx.Client, project: int) -> AnnotationState:
        found = client.get(f"/api/projects/{project}/")
        if found.status_code == httpx.codes.NOT_FOUND:
            return AnnotationState(f"{project}:gone", 0)
        config = hashlib.sha256(str(_json(found)["label_config"]).encode()).hexdigest()[:10]
        query: dict[str, str | int] = {"project": project, "page_size": 1, "query": ANNOTATED_LATEST_FIRST}
        body = _json(client.get("/api/tasks", params=query))
        latest = body["tasks"][0]["updated_at"] if body["tasks"] else ""
        total = int(body["total_annotations"])
        return AnnotationState(f"{project}:{config}:{body['total']}:{total}:{latest}", total)

    def _authorization(self, client: httpx.Client) -> str:
        if self._key.count(".") != 2:
            return f"Token {self._key}"
        response = client.post("/api/token/refresh", json={"refresh": self._key})
        if not response.is_success:
            raise LabelStudioError("Label Studio refuses the personal access token; it may be expired or revoked.")
        return f"Bearer {response.json()['access']}"


def _json(response: httpx.Response) -> dict[str, Any]:
    if response.status_code in (401, 403):
        raise LabelStudioError("Label Studio refuses the API key: set SPANLOOP_LABEL_STUDIO_API_KEY to a valid one.")
    if not response.is_success:
        raise LabelStudioError(f"Label Studio answered {response.status_code} to {response.request.url.path}.")
    body: dict[str, Any] = response.json()
    return body


def _sum(standings: list[AnnotationState]) -> AnnotationState:
    return AnnotationState("|".join(s.fingerprint for s in standings), sum(s.annotations for s in standings))
