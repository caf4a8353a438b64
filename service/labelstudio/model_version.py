"""A project's field `model_version`: which predictions Label Studio shows, and averages in the Data Manager.

Connecting a model sets the field to the model's title (observed with 1.23.2). While it holds a title, the column
*Prediction score* averages the predictions whose version is that title, and there are none.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import httpx

from service.labelstudio.client import MODELS_SECONDS, LabelStudio
from service.labelstudio.connection import decoded, explained, no_api, refusal
from service.labelstudio.errors import ProjectGone
from service.labelstudio.pages import Filter


class Shown(NamedTuple):
    """What a project says of itself."""

    version: str
    """Its `model_version`; empty where it shows no predictions."""
    label_config: str
    tasks: int


class Title(NamedTuple):
    """The title and the address of one model of a project."""

    title: str
    url: str


class ModelVersionField:
    """The field of one project. Every method raises LabelStudioError, ProjectGone among them."""

    def __init__(self, label_studio: LabelStudio, project: int) -> None:
        self._url = label_studio.url
        self._project = project
        self._connection = label_studio.connect()

    def __enter__(self) -> ModelVersionField:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def read(self) -> Shown:
        body = self._get(f"/api/projects/{self._project}/")
        version, config, tasks = body.get("model_version"), body.get("label_config"), body.get("task_number")
        if not isinstance(version, str | None) or not isinstance(config, str) or not isinstance(tasks, int):
            raise no_api(self._url, "answered with a project of another shape")
        return Shown(version or "", config, tasks)

    def predicted(self, version: str) -> int:
        """How many tasks have a prediction of a version."""
        query = json.dumps({"filters": {"conjunction": "and", "items": [has_version(version)]}})
        body = self._get("/api/tasks/", project=self._project, page_size=1, query=query)
        total = body.get("total")
        if not isinstance(total, int):
            raise no_api(self._url, "answered /api/tasks/ without the number of tasks")
        return total

    def titles(self) -> list[Title]:
        """The project's models. Before it answers, Label Studio calls /health and /setup of each of them."""
        with explained(self._url):
            response = self._connection.get("/api/ml/", params={"project": self._project}, timeout=MODELS_SECONDS)
        if not response.is_success:
            raise self._refused(response)
        try:
            return [Title(str(model["title"]), str(model["url"])) for model in response.json()]
        except (ValueError, KeyError, TypeError) as error:
            raise no_api(self._url, "answered /api/ml/ with what is no list of models") from error

    def write(self, version: str) -> None:
        """Set the field. Label Studio accepts a title of a model, or a version that the project has predictions of."""
        with explained(self._url):
            response = self._connection.patch(f"/api/projects/{self._project}/", json={"model_version": version})
        if not response.is_success:
            raise self._refused(response)

    def _get(self, path: str, **params: str | int) -> dict[str, object]:
        with explained(self._url):
            response = self._connection.get(path, params=params)
        if not response.is_success:
            raise self._refused(response)
        return decoded(response, self._url)

    def _refused(self, response: httpx.Response) -> Exception:
        if response.status_code == httpx.codes.NOT_FOUND:
            return ProjectGone(f"Label Studio has no project {self._project}.")
        return refusal(self._url, response.status_code, f"{response.request.method} {response.request.url.path}")


def has_version(version: str) -> Filter:
    """The condition that a task has a prediction of a version."""
    return _versions("contains", version)


def lacks_version(version: str) -> Filter:
    """The condition that a task has no prediction of a version."""
    return _versions("not_contains", version)


def _versions(operator: str, version: str) -> Filter:
    return {
        "filter": "filter:tasks:predictions_model_versions",
        "operator": operator,
        "type": "List",
        "value": [version],
    }
