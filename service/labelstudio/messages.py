"""What Label Studio sends, read strictly: only the fields that matter, whatever else a body holds."""

from __future__ import annotations

import json
from typing import Any

import msgspec


class Task(msgspec.Struct):
    """A task: only its data is of use, and only where it is an object."""

    data: Any = None

    @property
    def fields(self) -> dict[str, Any]:
        return self.data if isinstance(self.data, dict) else {}


class Predict(msgspec.Struct):
    """The body of /predict."""

    tasks: list[Task]
    label_config: str | None = None
    project: Any = None
    params: Any = None

    @property
    def regions(self) -> list[Any]:
        """The regions that the annotator already has, of an interactive request; none where they can't be read."""
        context = self.params.get("context") if isinstance(self.params, dict) else None
        result = context.get("result") if isinstance(context, dict) else None
        return result if isinstance(result, list) else []


class Setup(msgspec.Struct):
    """The body of /setup. The token and the host name in it are of no use and are not read."""

    project: Any = None
    schema: str | None = None
    extra_params: Any = None


class WebhookProject(msgspec.Struct):
    id: int | None = None
    label_config: str | None = None
    min_annotations_to_start_training: int | None = None


class Webhook(msgspec.Struct):
    """The body of /webhook and /train."""

    action: str = ""
    project: msgspec.Raw = msgspec.Raw(b"null")
    """Read apart: of an event it may be anything."""

    @property
    def known_project(self) -> WebhookProject:
        """The project as far as it can be read."""
        try:
            return msgspec.json.decode(self.project, type=WebhookProject)
        except msgspec.MsgspecError:
            return WebhookProject()


class Job(msgspec.Struct):
    job: str = ""


def project_id(project: object) -> int | None:
    """The id in "7.1795459342" (id and creation time), "7" or 7; None for anything else."""
    head = str(project).split(".", 1)[0]
    return int(head) if head.isdecimal() and len(head) < 19 else None


def extra_params(given: object) -> dict[str, Any]:
    """Label Studio's extra_params: a dict from its API, a string from its dialog. Raises ValueError for nonsense."""
    if given is None or given == "":
        return {}
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise ValueError("extra_params is not valid JSON") from error
        if given is None:
            return {}
    if not isinstance(given, dict):
        raise ValueError("extra_params is not a JSON object")
    return given
