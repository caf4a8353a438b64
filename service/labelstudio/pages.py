"""Tasks of a project in pages, ordered by id: for more tasks than one answer of Label Studio can hold.

A page asks for the tasks whose ids are greater than the last one read. So a task that is added, deleted or annotated
meanwhile moves no other task to another page: none is lost and none comes twice. Pages by number would do both.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from service.labelstudio.connection import Connection, decoded, explained, no_api, refusal
from service.labelstudio.errors import LabelStudioError, ProjectGone

log = logging.getLogger(__name__)

TASKS_FIRST = 100
"""Tasks of the first page, before it is known how long a task takes."""
TASKS_MAX = 1000
PAGE_SECONDS = 5.0
"""A page that takes longer is followed by a smaller one, and one that takes less by a larger one. Label Studio and
the proxies in front of it give up on a request after 30 to 60 seconds."""
PAGE_BYTES = 8 << 20
"""The same for the bytes of a page, since memory holds it."""
GROWTH_MAX = 2.0
RETRY_SECONDS = (0.5, 2.0, 5.0)
"""Pauses before a page is asked for again: after an answer from 500 on, or without an answer."""

Filter = Mapping[str, object]
"""One condition of the Data Manager: `filter`, `operator`, `type` and `value`."""
Params = dict[str, str | int]

ANNOTATED: Filter = {
    "filter": "filter:tasks:total_annotations",
    "operator": "greater",
    "type": "Number",
    "value": 0,
}
WHOLE: Params = {"fields": "all", "resolve_uri": "false"}
"""Tasks come with annotations and predictions, and with their data as it is stored, as in an export."""


class Page(NamedTuple):
    """Tasks as Label Studio sends them, by ascending id, and how many tasks there are from the first of them on."""

    tasks: list[dict[str, Any]]
    left: int


class TaskPages:
    """Reads the tasks of one project. Every page may raise LabelStudioError, ProjectGone among them."""

    def __init__(self, connection: Connection, url: str, project: int, size: int = TASKS_FIRST) -> None:
        """`size`: how many tasks the first page asks for."""
        self._connection = connection
        self._url = url
        self._project = project
        self._size = float(size)
        """How many tasks the next page asks for."""

    def read(
        self, filters: Sequence[Filter], after: int = -1, params: Params = WHOLE, until: int | None = None
    ) -> Iterator[Page]:
        """The tasks that fulfil all filters, with ids greater than `after` and at most `until`, page by page.

        `params` are more parameters of the request.
        """
        while True:
            behind = _id_after(after) if until is None else id_between(after + 1, until)
            conditions = {"conjunction": "and", "items": [*filters, behind]}
            asked = json.dumps({"ordering": ["tasks:id"], "filters": conditions})
            begun = time.monotonic()
            answer = self._answer({"project": self._project, "page": 1, "query": asked, **params})
            self._adapt(time.monotonic() - begun, len(answer.content))
            page = self._page(answer)
            if not page.tasks:
                return
            after = self._last(page, after)
            yield page

    def _answer(self, params: Params) -> httpx.Response:
        """The answer to a request for a page. A page that fails is asked for again, with half as many tasks."""
        with explained(self._url):
            for pause in RETRY_SECONDS:
                try:
                    response = self._ask(params)
                    if response.status_code < 500:
                        return self._accepted(response)
                    why = str(response.status_code)
                except httpx.TransportError as error:
                    why = type(error).__name__
                log.warning("a page of %d tasks failed (%s); half as many are asked for", self._size, why)
                self._size = max(self._size / 2, 1.0)
                time.sleep(pause)
            return self._accepted(self._ask(params))

    def _ask(self, params: Params) -> httpx.Response:
        return self._connection.get("/api/tasks/", params={**params, "page_size": int(self._size)})

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        if response.status_code == httpx.codes.NOT_FOUND:
            raise ProjectGone(f"Label Studio has no project {self._project}.")
        if not response.is_success:
            raise refusal(self._url, response.status_code, f"a page of tasks of project {self._project}")
        return response

    def _adapt(self, seconds: float, size: int) -> None:
        """Choose the size of the next page by the seconds and bytes that the last one took."""
        room = min(PAGE_SECONDS / max(seconds, 1e-3), PAGE_BYTES / max(size, 1), GROWTH_MAX)
        self._size = min(max(self._size * room, 1.0), TASKS_MAX)

    def _last(self, page: Page, after: int) -> int:
        """The id of the last task of a page. Raises LabelStudioError unless the ids ascend from above `after`.

        Otherwise tasks would be lost, or read without end.
        """
        for task in page.tasks:
            if task["id"] <= after:
                raise LabelStudioError(
                    f"Label Studio at {self._url} sent task {task['id']} behind task {after} of project "
                    f"{self._project}, though tasks by ascending ids were asked for. Reading stopped there. Upgrade "
                    "Label Studio (1.23.2 is tested), or check the proxies on the way: they must keep the query."
                )
            after = task["id"]
        return after

    def _page(self, answer: httpx.Response) -> Page:
        body = decoded(answer, self._url)
        tasks, left = body.get("tasks"), body.get("total")
        if not isinstance(tasks, list) or not isinstance(left, int) or not all(_is_task(task) for task in tasks):
            raise no_api(self._url, "answered /api/tasks/ with what is no list of tasks")
        return Page(tasks, left)


def id_between(first: int, last: int) -> Filter:
    """The condition that a task's id is one of `first` to `last`."""
    return {"filter": "filter:tasks:id", "operator": "in", "type": "Number", "value": {"min": first, "max": last}}


def _id_after(last: int) -> Filter:
    return {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": last}


def _is_task(task: object) -> bool:
    return isinstance(task, dict) and isinstance(task.get("id"), int)
