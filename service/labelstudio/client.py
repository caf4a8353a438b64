"""A client of Label Studio's API: the state of a project's annotations, and the models that a project uses.

`service.labelstudio.exports` exports annotations, with Label Studio's SDK over the connection that is made here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import httpx

from service.labelstudio.connection import (
    ApiKey,
    Connection,
    decoded,
    explained,
    is_sendable,
    no_api,
    refusal,
    words_of,
)
from service.labelstudio.errors import LabelStudioError, ProjectGone
from service.labelstudio.patience import Patience
from service.settings import LabelStudioSettings

LOGIN = re.compile(r"//[^/?#]*@")
"""A login in an address, which messages would show. Label Studio's has no effect, since the API key is sent."""

MODELS_SECONDS = 15.0
"""Seconds to wait for a list of models: Label Studio first calls each model, and one that is down takes seconds."""

OTHER_SHAPE = "answered with JSON of another shape"

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


def task_address(url: str, project: int, task: int) -> str:
    """Where a person opens a task of Label Studio at `url`."""
    return f"{url}/projects/{project}/data?task={task}"


def _plain(url: str) -> str:
    """An address without a login and without a slash at its end."""
    return LOGIN.sub("//", url.strip().rstrip("/"))


class ProjectState(NamedTuple):
    """The state of one project's annotations."""

    label_config: str
    tasks: int
    """Number of tasks that have annotations."""
    annotations: int
    """Number of their annotations; skipped tasks (cancelled annotations) are not among them."""
    latest: str
    """When one of these tasks was last changed, as Label Studio writes it; empty where there are none."""


class Overview(NamedTuple):
    """What a project says of itself, for people."""

    title: str
    tasks: int
    annotated: int
    """Number of tasks that have annotations."""


class AnnotationState(NamedTuple):
    """The state of the annotations of some projects. It differs whenever they have changed."""

    fingerprint: str
    annotations_of: dict[int, int]
    """Number of annotations by project."""

    @property
    def annotations(self) -> int:
        """Number of annotations of all projects."""
        return sum(self.annotations_of.values())


class LabelStudio:
    """A client with the API key of the settings: a legacy token or a personal access token."""

    def __init__(self, settings: LabelStudioSettings, timeout: float = 5.0, patience: Patience | None = None) -> None:
        """`timeout`: seconds to wait for a connection and for each part of an answer. With `patience` a Label Studio
        that is away is waited for."""
        self.url = _plain(settings.label_studio_url)
        self.public_url = _plain(settings.label_studio_public_url) or self.url
        """Where people open it."""
        self._settings = settings
        self._authorization = ApiKey(self.url, settings.api_key)
        self._timeout = timeout
        self._patience = patience

    @property
    def is_set(self) -> bool:
        """Whether address and key are set."""
        return bool(self.url and self._settings.api_key)

    def connect(self) -> Connection:
        """A connection that sends the API key. Raises LabelStudioError if address or key cannot be used."""
        if not self.is_set:
            raise LabelStudioError(
                "Label Studio's address or API key is not set: set SPANLOOP_LABEL_STUDIO_URL and "
                "SPANLOOP_LABEL_STUDIO_API_KEY (an API key from Account & Settings) and start the backend again. "
                "In the chart these are labelStudio.url and labelStudio.existingSecret."
            )
        key = self._settings.api_key
        if not is_sendable(key):
            raise LabelStudioError("SPANLOOP_LABEL_STUDIO_API_KEY has characters that no key has; set it again.")
        if key != self._authorization.key:
            self._authorization = ApiKey(self.url, key)
        with explained(self.url):
            return Connection(self.url, self._authorization, self._timeout, self._patience)

    def annotation_state(self, projects: Iterable[int]) -> AnnotationState:
        """The state of the projects' annotations, by two light requests a project. Raises LabelStudioError."""
        with self.connect() as connection, explained(self.url):
            return _sum([self._project(connection, project) for project in projects])

    def models(self, project: int) -> list[str]:
        """The addresses of the models that a project uses, as Label Studio has them.

        Before it answers, Label Studio calls /health and /setup of each (1.23.2). Raises ProjectGone if there is no
        such project, LabelStudioError if Label Studio cannot be asked.
        """
        with self.connect() as connection, explained(self.url):
            response = connection.get("/api/ml/", params={"project": project}, timeout=MODELS_SECONDS)
            if response.status_code == httpx.codes.NOT_FOUND:
                self._require_label_studio(connection)
                raise ProjectGone(f"Label Studio has no project {project}.")
            if not response.is_success:
                raise self._refusal(response)
            try:
                models = response.json()
                if not isinstance(models, list):
                    raise TypeError("no list")
                return [str(model["url"]) for model in models]
            except (ValueError, KeyError, TypeError) as error:
                raise no_api(self.url, "answered /api/ml/ with something other than a list of models") from error

    def overviews(self, projects: Iterable[int]) -> dict[int, Overview]:
        """What projects say of themselves, by two light requests each; without those that are gone.

        With no project it asks who the API key belongs to. Raises LabelStudioError.
        """
        found = {}
        with self.connect() as connection, explained(self.url):
            self._json(connection.get("/api/current-user/whoami"))
            for project in projects:
                with suppress(ProjectGone):
                    found[project] = self._overview(connection, project)
        return found

    def state(self, connection: Connection, project: int) -> ProjectState:
        """The state of one project, by two light requests. Raises LabelStudioError, ProjectGone among them."""
        said = self._said(connection, project)
        try:
            body = self._annotated(connection, project)
            latest = str(body["tasks"][0]["updated_at"]) if body["tasks"] else ""
            return ProjectState(str(said["label_config"]), int(body["total"]), int(body["total_annotations"]), latest)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise no_api(self.url, OTHER_SHAPE) from error

    def _overview(self, connection: Connection, project: int) -> Overview:
        said = self._said(connection, project)
        try:
            annotated = int(self._annotated(connection, project)["total"])
            return Overview(str(said["title"]), int(said["task_number"] or 0), annotated)
        except (ValueError, KeyError, TypeError) as error:
            raise no_api(self.url, OTHER_SHAPE) from error

    def _said(self, connection: Connection, project: int) -> dict[str, Any]:
        """What a project says of itself. Raises ProjectGone and other LabelStudioErrors."""
        response = connection.get(f"/api/projects/{project}/")
        if response.status_code == httpx.codes.NOT_FOUND:
            self._require_label_studio(connection)
            raise ProjectGone(f"Label Studio has no project {project}.")
        return self._json(response)

    def _annotated(self, connection: Connection, project: int) -> dict[str, Any]:
        """A page with the annotated task that was changed last, and the number of all."""
        query: dict[str, str | int] = {"project": project, "page_size": 1, "query": ANNOTATED_LATEST_FIRST}
        return self._json(connection.get("/api/tasks/", params=query))

    def _project(self, connection: Connection, project: int) -> AnnotationState:
        try:
            state = self.state(connection, project)
        except ProjectGone:
            return AnnotationState(f"{project}:gone", {project: 0})
        config = hashlib.sha256(state.label_config.encode()).hexdigest()[:10]
        fingerprint = f"{project}:{config}:{state.tasks}:{state.annotations}:{state.latest}"
        return AnnotationState(fingerprint, {project: state.annotations})

    def _require_label_studio(self, connection: Connection) -> None:
        """Raises LabelStudioError if another API answers at this address, which knows no project."""
        response = connection.get("/api/version/")
        if not response.is_success:
            raise no_api(self.url, f"answered {response.request.url.path} with {response.status_code}")

    def _json(self, response: httpx.Response) -> dict[str, Any]:
        if not response.is_success:
            raise self._refusal(response)
        return decoded(response, self.url)

    def _refusal(self, response: httpx.Response) -> LabelStudioError:
        return refusal(self.url, response.status_code, response.request.url.path, words_of(response))


def _sum(states: list[AnnotationState]) -> AnnotationState:
    counts = {project: count for state in states for project, count in state.annotations_of.items()}
    return AnnotationState("|".join(state.fingerprint for state in states), counts)
