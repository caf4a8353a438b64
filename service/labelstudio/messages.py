"""What Label Studio sends, read strictly: only the fields that matter, whatever else a body holds."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from typing import Any

import msgspec
from starlette.requests import Request

from service.errors import Cause
from service.settings import Settings
from service.web.routes import Refused


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


class Project(msgspec.Struct):
    id: int | None = None
    label_config: str | None = None
    min_annotations_to_start_training: int | None = None


class Webhook(msgspec.Struct):
    """The body of /webhook and /train."""

    action: str = ""
    project: msgspec.Raw = msgspec.Raw(b"null")
    """Read apart: of an event it may be anything."""

    @property
    def known_project(self) -> Project:
        """The project as far as it can be read."""
        try:
            return msgspec.json.decode(self.project, type=Project)
        except msgspec.MsgspecError:
            return Project()


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


def authorize(request: Request, settings: Settings) -> None:
    """Check Basic credentials where some are configured. Raises Refused (401)."""
    username, password = settings.basic_auth_username, settings.basic_auth_password.get_secret_value()
    if not username and not password:
        return
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        given = base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    # One comparison of fixed content: neither the length of the prefix nor which half was wrong shows in the time.
    if not hmac.compare_digest(given, f"{username}:{password}".encode()):
        wanted = {"WWW-Authenticate": 'Basic realm="spanloop"'}
        raise Refused(401, "This backend wants Basic authentication.", Cause.UNAUTHORIZED, wanted)
