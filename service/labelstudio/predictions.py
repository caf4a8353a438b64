"""Predictions of one version of one project: which tasks have one, and writing many of them at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx

from service.labelstudio.connection import Connection, decoded, explained, no_api, refusal
from service.labelstudio.errors import LabelStudioError, ProjectGone
from service.labelstudio.model_version import has_version, lacks_version
from service.labelstudio.pages import TASKS_FIRST, Filter, Params, TaskPages, id_between

WRITE_SECONDS = 300.0
"""How long a write is waited for. Label Studio 1.23.2 counts all tasks of the project anew after each."""

BARE: Params = {"resolve_uri": "true"}
"""Tasks come with their data as the editor would get it, without annotations and predictions."""


class NotKnown(LabelStudioError):
    """Predictions were sent, and whether Label Studio has stored them is not known."""


class Predictions:
    """Every method raises LabelStudioError, ProjectGone among them."""

    def __init__(self, connection: Connection, url: str, project: int, version: str) -> None:
        self._connection = connection
        self._url = url
        self._project = project
        self._version = version

    def pages(self, size: int = TASKS_FIRST) -> TaskPages:
        """Pages of the project's tasks, the first of so many tasks."""
        return TaskPages(self._connection, self._url, self._project, size)

    @property
    def lacking(self) -> Filter:
        """The condition that a task has no prediction of the version."""
        return lacks_version(self._version)

    def having(self, first: int, last: int) -> set[int]:
        """The ids of tasks between two ids that have a prediction of the version."""
        conditions = [has_version(self._version), id_between(first, last)]
        if not self._count(conditions):
            return set()
        return {task["id"] for page in self.pages().read(conditions, params=BARE) for task in page.tasks}

    def write(self, items: Sequence[dict[str, Any]]) -> int:
        """Store predictions, each with `task`, `result`, `score` and `model_version`: how many are stored.

        Raises NotKnown where the answer does not come.
        """
        path = f"/api/projects/{self._project}/import/predictions"
        try:
            with explained(self._url):
                response = self._connection.post(path, json=list(items), timeout=WRITE_SECONDS)
        except LabelStudioError as error:
            raise NotKnown(str(error)) from error
        if response.status_code >= 500:
            raise NotKnown(str(refusal(self._url, response.status_code, path)))
        created = decoded(self._accepted(response), self._url).get("created")
        if not isinstance(created, int):
            raise no_api(self._url, f"answered {path} without the number of predictions")
        return created

    def delete_surplus(self, first: int, last: int) -> int:
        """Of several predictions of the version of one task, delete all but the oldest: how many were deleted."""
        deleted = 0
        for page in self.pages().read([has_version(self._version), id_between(first, last)]):
            for task in page.tasks:
                found = sorted(one["id"] for one in task["predictions"] if one["model_version"] == self._version)
                for surplus in found[1:]:
                    with explained(self._url):
                        self._accepted(self._connection.delete(f"/api/predictions/{surplus}/"))
                    deleted += 1
        return deleted

    def _count(self, conditions: Sequence[Filter]) -> int:
        query = json.dumps({"filters": {"conjunction": "and", "items": conditions}})
        params: dict[str, str | int] = {"project": self._project, "page_size": 1, "query": query}
        with explained(self._url):
            response = self._connection.get("/api/tasks/", params=params)
        total = decoded(self._accepted(response), self._url).get("total")
        if not isinstance(total, int):
            raise no_api(self._url, "answered /api/tasks/ without the number of tasks")
        return total

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        if response.status_code == httpx.codes.NOT_FOUND:
            raise ProjectGone(f"Label Studio has no project {self._project}.")
        if not response.is_success:
            raise refusal(self._url, response.status_code, response.request.url.path)
        return response


def view_filters(connection: Connection, url: str, project: int, view: int) -> list[Filter]:
    """The conditions of a Data Manager's view of a project. Raises LabelStudioError where they cannot be used."""
    with explained(url):
        response = connection.get(f"/api/dm/views/{view}/", params={"project": project})
    if response.status_code == httpx.codes.NOT_FOUND:
        raise LabelStudioError(f"Project {project} has no view {view}: its number is behind `tab=` in the browser.")
    if not response.is_success:
        raise refusal(url, response.status_code, response.request.url.path)
    body = decoded(response, url)
    if body.get("project") != project:
        raise LabelStudioError(f"View {view} belongs to project {body.get('project')}, not to project {project}.")
    filters = (body.get("data") or {}).get("filters") or {}
    items = filters.get("items") or []
    if len(items) > 1 and filters.get("conjunction") == "or":
        raise LabelStudioError(
            f"View {view} joins its conditions by OR, which cannot be joined with the condition that a prediction is "
            "missing. Nothing was predicted: use a view with one condition, or with conditions joined by AND."
        )
    return list(items)
