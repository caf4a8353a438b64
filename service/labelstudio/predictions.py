"""Predictions of one version of one project: which tasks have one, and writing many of them at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from service.labelstudio.connection import Connection, decoded, explained, no_api, refusal
from service.labelstudio.errors import LabelStudioError, NoApi, ProjectGone
from service.labelstudio.model_version import has_version, lacks_version
from service.labelstudio.pages import TASKS_FIRST, TASKS_MAX, Filter, Params, TaskPages, id_between

WRITE_SECONDS = 300.0
"""How long a write is waited for. Label Studio 1.23.2 counts all tasks of the project anew after each."""
REFUSED = (400, 403, 413, 422)
"""Statuses that a program refuses a body with for what is in it. Label Studio's own 403 is not among them."""
TRY_LATER = (408, 429)

BARE: Params = {"resolve_uri": "true"}
"""Tasks come with their data as the editor would get it, without annotations and predictions."""
IDS: Params = {"include": "id", "resolve_uri": "false"}
"""Tasks come with their ids alone (Label Studio 1.23.2)."""

Ids = tuple[int, int]
"""The first and the last of some tasks' ids."""


class NotKnown(LabelStudioError):
    """Predictions were sent, and whether Label Studio has stored them is not known."""


class NotStored(LabelStudioError):
    """Predictions were refused for what they hold or for their size, and none of them is stored."""

    def __init__(self, status: int) -> None:
        super().__init__(f"Label Studio, or a proxy in front of it, refused predictions with {status}.")
        self.status = status


class Predictions:
    """Every method raises LabelStudioError, ProjectGone among them."""

    def __init__(self, connection: Connection, url: str, project: int, version: str) -> None:
        self._connection = connection
        self._url = url
        self._project = project
        self._version = version

    def of(self, version: str) -> Predictions:
        """Those of another version of the same project."""
        return Predictions(self._connection, self._url, self._project, version)

    def pages(self, size: int = TASKS_FIRST) -> TaskPages:
        """Pages of the project's tasks, the first of so many tasks."""
        return TaskPages(self._connection, self._url, self._project, size)

    @property
    def lacking(self) -> Filter:
        """The condition that a task has no prediction of the version."""
        return lacks_version(self._version)

    def having(self, tasks: Sequence[int], filters: Sequence[Filter] = ()) -> set[int]:
        """Those of some tasks, given by ascending ids, that have a prediction of the version.

        There may be many tasks more between the first and the last of them. So the smaller set is read: those that have
        a prediction, or those that lack one. A task that no longer fulfils `filters` may count as having one.
        """
        between = id_between(tasks[0], tasks[-1])
        there, lacking = [has_version(self._version), between], [self.lacking, *filters, between]
        number = self._count(there)
        if not number:
            return set()
        if number <= self._count(lacking):
            return self._ids(there).intersection(tasks)
        return set(tasks) - self._ids(lacking)

    def write(self, items: Sequence[bytes]) -> int:
        """Store predictions: how many are stored. Each is JSON with `task`, `result`, `score` and `model_version`.

        Label Studio checks each against the label config as it is written, and leaves out what does not fit: regions
        of a Repeater's controls, and labels that a task brings itself (1.23.2). `write_alone` checks nothing.

        Raises NotKnown where the answer does not come, and NotStored where they are refused.
        """
        path = f"/api/projects/{self._project}/import/predictions"
        created = decoded(self._sent(path, b"[" + b",".join(items) + b"]"), self._url).get("created")
        if not isinstance(created, int):
            raise no_api(self._url, f"answered {path} without the number of predictions")
        return created

    def write_alone(self, item: bytes) -> None:
        """Store one prediction as it is. It raises what `write` raises."""
        self._sent("/api/predictions/", item)

    def _sent(self, path: str, body: bytes) -> httpx.Response:
        kind = {"Content-Type": "application/json"}
        try:
            with explained(self._url):
                response = self._connection.post(path, content=body, headers=kind, timeout=WRITE_SECONDS)
        except NoApi as error:
            if error.status in REFUSED:
                raise NotStored(error.status) from error
            raise
        except LabelStudioError as error:
            raise NotKnown(str(error)) from error
        if response.status_code >= 500 or response.status_code in TRY_LATER:
            raise NotKnown(str(refusal(self._url, response.status_code, path)))
        if response.status_code in REFUSED and response.status_code != httpx.codes.FORBIDDEN:
            raise NotStored(response.status_code)
        return self._accepted(response)

    def surplus(self) -> int:
        """How many predictions of the version there are beside one a task.

        They are counted before the tasks that have one: what is written meanwhile may hide some, and makes none up.
        """
        return self._numbers().get(self._version, 0) - self._count([has_version(self._version)])

    def require_own_name(self) -> None:
        """Raises LabelStudioError if Label Studio cannot tell the version's predictions from those of another.

        Its filter also finds longer names that contain this one. With SQLite it ignores case (1.23.2).
        """
        self._numbers()

    def _numbers(self) -> dict[str, int]:
        """The number of predictions by version. Raises LabelStudioError as `require_own_name` does."""
        path = f"/api/projects/{self._project}/model-versions/"
        with explained(self._url):
            response = self._connection.get(path)
        numbers = decoded(self._accepted(response), self._url)
        if not all(isinstance(number, int) for number in numbers.values()):
            raise no_api(self._url, f"answered {path} with what are no numbers of predictions")
        own = self._version.casefold()
        longer = [
            name for name, number in numbers.items() if number and name != self._version and own in name.casefold()
        ]
        if longer:
            raise LabelStudioError(
                f"Project {self._project} has predictions of {', '.join(longer)}. Label Studio's filter takes them for "
                f"predictions of {self._version}, since the name contains that one, so the tasks that have none cannot "
                "be found. Delete the predictions of the longer name in the project's Settings, Predictions."
            )
        return numbers

    def delete_surplus(self, first: Sequence[Ids] = ()) -> int:
        """Leave each task the oldest of its predictions of the version: how many were deleted.

        The tasks of the ids in `first` are looked at before all others, and those with most predictions first. No more
        are read than needed: counting 20,000 tasks takes Label Studio a second, and reading them minutes.
        """
        deleted, surplus = 0, self.surplus()
        among: list[list[Filter]] = [*([id_between(*ids)] for ids in first), []]
        for some in among:
            if deleted < surplus:
                deleted += self._delete_among(some, surplus - deleted)
        return deleted

    def _delete_among(self, some: Sequence[Filter], surplus: int) -> int:
        """The same for tasks that fulfil conditions, until about so many are deleted."""
        deleted = 0
        there = [has_version(self._version), *some]
        for number in range(self._most(there), 1, -1):
            for page in self.pages().read([*there, _predicted(number)]):
                deleted += sum(self._deleted(task) for task in page.tasks)
                if deleted >= surplus:
                    return deleted
        return deleted

    def _most(self, conditions: Sequence[Filter]) -> int:
        """How many predictions of any version the task has that has most; 0 if no task fulfils the conditions."""
        filters = {"conjunction": "and", "items": list(conditions)}
        query = json.dumps({"ordering": ["-tasks:total_predictions"], "filters": filters})
        with explained(self._url):
            response = self._connection.get(
                "/api/tasks/", params={"project": self._project, "page_size": 1, "query": query, **BARE}
            )
        tasks = decoded(self._accepted(response), self._url).get("tasks")
        return int(tasks[0]["total_predictions"]) if tasks else 0

    def _deleted(self, task: Mapping[str, Any]) -> int:
        found = sorted(one["id"] for one in task["predictions"] if one["model_version"] == self._version)
        for surplus in found[1:]:
            self._delete(surplus)
        return len(found[1:])

    def _delete(self, prediction: int) -> None:
        """Another process may have deleted it."""
        with explained(self._url):
            response = self._connection.delete(f"/api/predictions/{prediction}/")
        if response.status_code != httpx.codes.NOT_FOUND:
            self._accepted(response)

    def _count(self, conditions: Sequence[Filter]) -> int:
        page = next(self.pages(size=1).read(conditions, params=IDS), None)
        return page.left if page else 0

    def _ids(self, conditions: Sequence[Filter]) -> set[int]:
        return {task["id"] for page in self.pages(TASKS_MAX).read(conditions, params=IDS) for task in page.tasks}

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        if response.status_code == httpx.codes.NOT_FOUND:
            raise ProjectGone(f"Label Studio has no project {self._project}.")
        if not response.is_success:
            raise refusal(self._url, response.status_code, response.request.url.path)
        return response


def _predicted(number: int) -> Filter:
    """The condition that a task has so many predictions, of all versions together."""
    return {"filter": "filter:tasks:total_predictions", "operator": "equal", "type": "Number", "value": number}


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
