"""What a training run reads of Label Studio: label configs, exports, tasks without annotations.

Label Studio's SDK does the work. It brings pandas, opencv and nltk, so only training imports this module.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
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

PAGE_TASKS = 100

NO_KEY = "the-connection-authorizes"
"""What the SDK is told as its API key: it sends this as a header, which the connection replaces by the real one."""

UNANNOTATED = json.dumps(
    {
        "filters": {
            "conjunction": "and",
            "items": [{"filter": "filter:tasks:total_annotations", "operator": "equal", "value": 0, "type": "Number"}],
        }
    }
)


class Exports:
    """The projects of one Label Studio, for reading. Every method raises LabelStudioError, ProjectGone among them.

    The SDK sends all its requests through the client's own connection: sub-paths, both kinds of keys and the renewal
    of access tokens are the connection's. The SDK's own exchange of tokens, which loses a sub-path, is never used.
    """

    def __init__(self, label_studio: LabelStudio) -> None:
        self._url = label_studio.url
        self._sdk = Sdk(base_url=self._url, api_key=NO_KEY, httpx_client=label_studio.connect())

    def label_config(self, project: int) -> str:
        with self._explained(project):
            config = self._sdk.projects.get(project).label_config
        if not isinstance(config, str):
            raise no_api(self._url, "answered with a project that has no label config")
        return config

    def download(self, project: int, target: Path) -> None:
        """Stream the project's labelled tasks into a file (Label Studio's JSON export)."""
        try:
            self._download(project, target)
        except LabelStudioError:
            # Label Studio 1.23.2 answers the export of a project that is gone with a page; its config, with JSON.
            self.label_config(project)
            raise

    def unannotated(self, project: int, limit: int) -> Iterator[dict[str, Any]]:
        """The data of up to `limit` tasks that nobody has annotated."""
        taken = 0
        with self._explained(project):
            for task in self._sdk.tasks.list(project=project, page_size=PAGE_TASKS, query=UNANNOTATED):
                if taken >= limit:
                    return
                taken += 1
                yield task.data

    def _download(self, project: int, target: Path) -> None:
        partial = target.with_suffix(".partial")
        with self._explained(project):
            chunks = self._sdk.projects.exports.download_sync(project, export_type="JSON", download_all_tasks=False)
            with partial.open("wb") as opened:
                for chunk in chunks:
                    opened.write(chunk)
        partial.replace(target)

    @contextmanager
    def _explained(self, project: int) -> Iterator[None]:
        """Turn the SDK's and httpx's errors into LabelStudioError."""
        try:
            with explained(self._url):
                yield
        except ApiError as error:
            raise self._told(error.status_code or 0, project) from error
        except (ParsingError, AttributeError, TypeError) as error:
            raise no_api(self._url, "answered with JSON of another shape") from error

    def _told(self, status: int, project: int) -> LabelStudioError:
        if status == httpx.codes.NOT_FOUND:
            return ProjectGone(f"Label Studio has no project {project}.")
        if status < 300:
            return no_api(self._url, "answered with what is no JSON")
        return refusal(self._url, status, f"the export of project {project}")
