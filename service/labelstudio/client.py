"""What is asked of Label Studio's API: how a project's annotations stand, and which models it uses.

The export itself is `service.labelstudio.exports`, with Label Studio's SDK over the connection that is made here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

import httpx

from service.labelstudio.connection import ApiKey, Connection, decoded, explained, is_sendable, no_api, refusal
from service.labelstudio.errors import LabelStudioError, ProjectGone
from service.settings import LabelStudioSettings

MODELS_SECONDS = 15.0
"""How long a list of models is waited for: Label Studio asks each of them first, and one that is down takes seconds."""

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


class AnnotationState(NamedTuple):
    """Where the annotations of some projects stand: cheap to ask, and different whenever they changed."""

    fingerprint: str
    annotations: int


class LabelStudio:
    """A client with this backend's own API key: a legacy token or a personal access token."""

    def __init__(self, settings: LabelStudioSettings, timeout: float = 5.0) -> None:
        """`timeout`: seconds that a part of an answer is waited for."""
        self.url = settings.label_studio_url.strip().rstrip("/")
        self._key = settings.label_studio_api_key.get_secret_value()
        self._authorization = ApiKey(self.url, self._key)
        self._timeout = timeout

    @property
    def is_set(self) -> bool:
        """Whether there are an address and a key."""
        return bool(self.url and self._key)

    def connect(self) -> Connection:
        """A connection that asks with the API key. Raises LabelStudioError where address or key cannot be used."""
        if not self.is_set:
            raise LabelStudioError(
                "Label Studio's address or API key is not set: set SPANLOOP_LABEL_STUDIO_URL and "
                "SPANLOOP_LABEL_STUDIO_API_KEY (Account & Settings → Access Token) and start the backend again."
            )
        if not is_sendable(self._key):
            raise LabelStudioError("SPANLOOP_LABEL_STUDIO_API_KEY has characters that no key has; set it again.")
        with explained(self.url):
            return Connection(self.url, self._authorization, self._timeout)

    def standing(self, projects: Iterable[int]) -> AnnotationState:
        """Two light requests a project. Raises LabelStudioError where it cannot be known."""
        with self.connect() as connection, explained(self.url):
            return _sum([self._project(connection, project) for project in projects])

    def models(self, project: int) -> list[str]:
        """The addresses of the models that a project uses, as Label Studio has them.

        Before it answers, Label Studio calls /health and /setup of each (1.23.2). Raises ProjectGone for a project
        that there is not, LabelStudioError where that cannot be known.
        """
        with self.connect() as connection, explained(self.url):
            response = connection.get("/api/ml/", params={"project": project}, timeout=MODELS_SECONDS)
            if response.status_code == httpx.codes.NOT_FOUND:
                self._be_label_studio(connection)
                raise ProjectGone(f"Label Studio has no project {project}.")
            if not response.is_success:
                raise self._refusal(response)
            try:
                return [str(model["url"]) for model in response.json()]
            except (ValueError, KeyError, TypeError) as error:
                raise no_api(self.url, "answered /api/ml/ with what is no list of models") from error

    def _project(self, connection: Connection, project: int) -> AnnotationState:
        found = connection.get(f"/api/projects/{project}/")
        if found.status_code == httpx.codes.NOT_FOUND:
            return AnnotationState(f"{project}:gone", 0)
        try:
            config = hashlib.sha256(str(self._json(found)["label_config"]).encode()).hexdigest()[:10]
            query: dict[str, str | int] = {"project": project, "page_size": 1, "query": ANNOTATED_LATEST_FIRST}
            body = self._json(connection.get("/api/tasks/", params=query))
            latest = body["tasks"][0]["updated_at"] if body["tasks"] else ""
            total = int(body["total_annotations"])
            return AnnotationState(f"{project}:{config}:{body['total']}:{total}:{latest}", total)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise no_api(self.url, "answered with JSON of another shape") from error

    def _be_label_studio(self, connection: Connection) -> None:
        """Raises LabelStudioError where another API answers, for which every project is unknown."""
        response = connection.get("/api/version/")
        if not response.is_success:
            raise no_api(self.url, f"answered {response.request.url.path} with {response.status_code}")

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        if not response.is_success:
            raise self._refusal(response)
        return decoded(response, self.url)

    def _refusal(self, response: httpx.Response) -> LabelStudioError:
        return refusal(self.url, response.status_code, response.request.url.path)


def _sum(standings: list[AnnotationState]) -> AnnotationState:
    return AnnotationState("|".join(s.fingerprint for s in standings), sum(s.annotations for s in standings))
