"""What a training run reads from Label Studio: label configs, exports, tasks without annotations.

Label Studio's SDK does the work. It brings pandas, opencv and nltk, so only training imports this module.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from label_studio_sdk.client import LabelStudio as Sdk
from label_studio_sdk.core.api_error import ApiError
from label_studio_sdk.core.parse_error import ParsingError

from service.labelstudio.client import LabelStudio
from service.labelstudio.connection import explained, no_api, refusal
from service.labelstudio.errors import LabelStudioError, ProjectGone
from service.labelstudio.pages import ANNOTATED, TaskPages
from service.labelstudio.task_file import TaskFile

Report = Callable[[int, int], None]
"""Is told how many tasks are done, and of how many."""

PAGE_TASKS = 100
USERS_PATH = "/api/users/"

NO_KEY = "the-connection-authorizes"
"""The SDK's API key, a placeholder: the SDK sends it in a header, which the connection replaces by the real key."""

UNANNOTATED = json.dumps(
    {
        "filters": {
            "conjunction": "and",
            "items": [{"filter": "filter:tasks:total_annotations", "operator": "equal", "value": 0, "type": "Number"}],
        }
    }
)


class Exports:
    """Reads the projects of one Label Studio. Every method raises LabelStudioError, or ProjectGone, a kind of it.

    The SDK sends all its requests through the client's connection, which handles sub-paths, both kinds of keys and the
    renewal of access tokens. The SDK's own exchange of tokens, which loses a sub-path, is never used.
    """

    def __init__(self, label_studio: LabelStudio) -> None:
        self.url = label_studio.url
        self._connection = label_studio.connect()
        self._sdk = Sdk(base_url=self.url, api_key=NO_KEY, httpx_client=self._connection)

    def label_config(self, project: int) -> str:
        with self._explained(project):
            config = self._sdk.projects.get(project).label_config
        if not isinstance(config, str):
            raise no_api(self.url, "answered with a project that has no label config")
        return config

    def download(self, project: int, target: Path, report: Report = lambda done, total: None) -> None:
        """Write the project's annotated tasks into a file, a JSON array, page by page.

        The file has its name once it is complete. Until then a second call goes on where the first was killed.
        `report` is told after each page how many tasks are in the file and how many there will be.
        """
        pages = TaskPages(self._connection, self.url, project)
        with TaskFile(target) as file:
            for page in pages.read([ANNOTATED], after=file.last):
                total = file.count + page.left
                file.append(_exported(task, self.url) for task in page.tasks)
                report(file.count, total)
            file.finish()

    def unannotated(self, project: int, limit: int) -> Iterator[dict[str, Any]]:
        """The data of up to `limit` tasks that nobody has annotated."""
        taken = 0
        with self._explained(project):
            for task in self._sdk.tasks.list(project=project, page_size=PAGE_TASKS, query=UNANNOTATED):
                if taken >= limit:
                    return
                taken += 1
                yield task.data

    def emails(self) -> dict[int, str]:
        """The e-mail addresses of the users whom the API key may see, by their ids."""
        with explained(self.url):
            response = self._connection.get(USERS_PATH)
        if not response.is_success:
            raise refusal(self.url, response.status_code, USERS_PATH)
        try:
            return {int(user["id"]): str(user["email"]) for user in response.json()}
        except (ValueError, KeyError, TypeError) as error:
            raise no_api(self.url, f"answered {USERS_PATH} with something other than a list of users") from error

    @contextmanager
    def _explained(self, project: int) -> Iterator[None]:
        """Turn the SDK's and httpx's errors into LabelStudioError."""
        try:
            with explained(self.url):
                yield
        except ApiError as error:
            raise self._error_of(error.status_code or 0, project) from error
        except (ParsingError, AttributeError, TypeError) as error:
            raise no_api(self.url, "answered with JSON of another shape") from error

    def _error_of(self, status: int, project: int) -> LabelStudioError:
        if status == httpx.codes.NOT_FOUND:
            return ProjectGone(f"Label Studio has no project {project}.")
        if status < 300:
            return no_api(self.url, "answered without JSON")
        return refusal(self.url, status, f"the export of project {project}")


def _exported(task: dict[str, Any], url: str) -> dict[str, Any]:
    """What a run reads of a task. Raises LabelStudioError where the annotations came without their regions."""
    annotations = task.get("annotations")
    if not isinstance(annotations, list) or not all(_has_regions(annotation) for annotation in annotations):
        raise no_api(url, "answered /api/tasks/ with tasks whose annotations have no results")
    return {"id": task["id"], "data": task.get("data"), "annotations": annotations}


def _has_regions(annotation: object) -> bool:
    return isinstance(annotation, dict) and "result" in annotation
