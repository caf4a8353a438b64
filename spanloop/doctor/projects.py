"""The projects: is this backend the model of each, does Label Studio reach it, and does its webhook tell of changes?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from service.labelstudio.errors import LabelStudioError
from service.labelstudio.inspection import CONNECTED, Inspection, Model, Webhook
from spanloop.doctor.finding import Finding, look, ok, unchecked, wrong

WANTED = frozenset({"ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"})
"""The actions after which the backend looks whether a run is due."""

NOT_HELPED = "Nothing is pre-annotated there, and no run learns from it."
NOT_TOLD = "The backend does not notice annotations, so runs do not start by themselves. Start Training works."
CONNECT = "In Label Studio open the project's Settings → Model → Connect Model and enter {url}."


class Project(NamedTuple):
    """A project as Label Studio has it."""

    id: int
    models: Sequence[Model]
    webhooks: Sequence[Webhook]


def read(inspection: Inspection, projects: Sequence[int]) -> Iterator[Project | Finding]:
    """The projects, and a finding for each that cannot be read."""
    for number in projects:
        try:
            yield Project(number, inspection.models(number), inspection.webhooks(number))
        except LabelStudioError as error:
            yield wrong(
                f"Project {number}",
                str(error),
                NOT_HELPED,
                "Check the number, and that the owner of the API key is a member of the project.",
            )


def own_model(project: Project, is_own: Callable[[str], bool]) -> Model | None:
    """The project's model that is this backend."""
    return next((model for model in project.models if is_own(model.url)), None)


def connection(project: Project, own: Model | None, backend: str) -> Finding:
    """Whether this backend is a project's model, and Label Studio reaches it."""
    check = f"Project {project.id}"
    if own is None and project.models:
        elsewhere = ", ".join(model.url for model in project.models)
        cure = f"If that is another name of this backend, name it with --backend. Else: {CONNECT.format(url=backend)}"
        return wrong(check, f"Its model is at {elsewhere}, and this backend at {backend}.", NOT_HELPED, cure)
    if own is None:
        return wrong(check, "It has no model.", NOT_HELPED, CONNECT.format(url=backend))
    if own.state != CONNECTED:
        cure = "Start the backend. If it runs, see that Label Studio's machine reaches this address."
        return wrong(check, f"Label Studio does not reach {own.url}: {own.trouble or own.state}", NOT_HELPED, cure)
    if not own.is_interactive:
        return look(
            check,
            f"It is connected to {own.url}, but Interactive preannotations are off.",
            "An annotator gets no suggestions while working.",
            "In the project's Settings → Model edit the model, and turn on Interactive preannotations.",
        )
    return ok(check, f"It is connected to {own.url}.")


def webhook(project: Project, own: Model | None) -> Finding:
    """Whether the webhook of a project's model tells the backend of annotations."""
    check = f"The webhook of project {project.id}"
    if own is None:
        return unchecked(check, "the project is not connected to this backend")
    wanted = f"{own.url.rstrip('/')}/webhook"
    add = f"In the project's Settings → Webhooks add {wanted}, for all actions and with the payload."
    found = next((one for one in project.webhooks if one.url == wanted), None)
    if found is None:
        others = ", ".join(one.url for one in project.webhooks)
        told = f"There is none to {wanted}{f', only to {others}' if others else ''}."
        return wrong(check, told, NOT_TOLD, add)
    if not found.is_active:
        return wrong(check, f"{wanted} is turned off.", NOT_TOLD, "Turn it on in the project's Settings → Webhooks.")
    lacking = WANTED - found.actions if found.actions is not None else frozenset()
    if lacking:
        told = f"{wanted} does not send {', '.join(sorted(lacking))}."
        return wrong(check, told, NOT_TOLD, "Let it send all actions, in the project's Settings → Webhooks.")
    return ok(check, f"{wanted} tells of annotations.")
