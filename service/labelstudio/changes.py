"""The annotated tasks of a project, and which of them have changed since a moment of Label Studio's clock.

Label Studio sets a task's `updated_at` when one of its annotations is created, changed, skipped or deleted, alone or in
the Data Manager (observed with 1.23.2). A task that is deleted, and one that has lost its last
annotation, is no longer among the annotated ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec

from service.labelstudio.client import LabelStudio, ProjectState
from service.labelstudio.connection import explained, no_api
from service.labelstudio.pages import ANNOTATED, TASKS_MAX, Filter, Params, TaskPages
from service.labelstudio.predictions import IDS
from service.labelstudio.work import StoredTask

OVERLAP = timedelta(seconds=60)
"""Tasks are read once more for so long: a change gets its time before it can be read, and changes may take a while."""
FIELDS = (
    *("id", "data", "annotations", "predictions"),
    *("result", "created_at", "draft_created_at", "parent_prediction", "updated_by", "was_cancelled"),
)
"""The fields that are read of tasks and of their annotations. Label Studio leaves out all others (1.23.2)."""
WORK: Params = {"fields": "all", "include": ",".join(FIELDS), "resolve_uri": "false"}
"""Tasks come with nothing else, which takes Label Studio half the time."""


class Changes:
    """Those of one project. Every method raises LabelStudioError, ProjectGone among them."""

    def __init__(self, label_studio: LabelStudio, project: int) -> None:
        self._label_studio = label_studio
        self._connection = label_studio.connect()
        self._project = project

    def __enter__(self) -> Changes:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def state(self) -> ProjectState:
        """How the project stands, by two light requests."""
        with explained(self._label_studio.url):
            return self._label_studio.state(self._connection, self._project)

    def since(self, latest: str) -> Iterator[StoredTask]:
        """The annotated tasks that have changed since OVERLAP before `latest`; all of them for an empty text.

        `latest` is what a state said, and comes from Label Studio's clock: no other is compared with it.
        """
        filters = [ANNOTATED, *([_updated_after(datetime.fromisoformat(latest) - OVERLAP)] if latest else [])]
        for page in TaskPages(self._connection, self._label_studio.url, self._project).read(filters, params=WORK):
            for task in page.tasks:
                try:
                    yield msgspec.convert(task, StoredTask)
                except msgspec.ValidationError as error:
                    raise no_api(self._label_studio.url, "answered /api/tasks/ with tasks of another shape") from error

    def ids(self) -> set[int]:
        """The ids of the annotated tasks: a fifth of the work of reading them."""
        pages = TaskPages(self._connection, self._label_studio.url, self._project, TASKS_MAX)
        return {task["id"] for page in pages.read([ANNOTATED], params=IDS) for task in page.tasks}


def _updated_after(moment: datetime) -> Filter:
    value = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": value}
