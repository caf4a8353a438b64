"""The messages of Label Studio. Only the fields that Spanloop uses are read, and those strictly."""

from __future__ import annotations

from typing import Any

import msgspec


class Task(msgspec.Struct):
    """A task: only its id and its data are of use, the latter only where it is an object."""

    id: Any = None
    data: Any = None

    @property
    def fields(self) -> dict[str, Any]:
        return self.data if isinstance(self.data, dict) else {}


class UnreadableTask(Task):
    """A task whose JSON could not be read; `reason` says why."""

    reason: str = ""


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
    project: Any = None
    """Read apart: of an event it may be anything."""

    @property
    def known_project(self) -> WebhookProject:
        """The project as far as it can be read."""
        try:
            return msgspec.convert(self.project, WebhookProject)
        except ValueError:  # of another shape, or with half a surrogate pair
            return WebhookProject()


class Job(msgspec.Struct):
    job: str = ""


def project_id(project: object) -> int | None:
    """The id in "7.1795459342" (id and creation time), "7" or 7; None for anything else."""
    head = str(project).split(".", 1)[0]
    return int(head) if head.isdecimal() and len(head) < 19 else None
