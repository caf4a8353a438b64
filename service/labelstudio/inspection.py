"""What people have set up in Label Studio: read for `spanloop doctor`. Nothing in Label Studio changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from service.labelstudio.client import MODELS_SECONDS, OTHER_SHAPE, LabelStudio
from service.labelstudio.connection import (
    HEADERS,
    Connection,
    decoded,
    explained,
    no_api,
    refusal,
    require_json,
    words_of,
)
from service.labelstudio.errors import LabelStudioError

SECONDS = 10.0
"""Seconds to wait for Label Studio's version."""
PROJECTS_MAX = 100
"""Most projects that are listed."""

VERSION_PATH = "/api/version"
"""Where Label Studio tells everyone its version."""

CONNECTED = "CO"
"""The state of a model that Label Studio has reached."""

NO_ACTION = "NOT_AN_ACTION"
"""No action of Label Studio: it refuses a webhook with it, and makes none."""


class Answer(NamedTuple):
    """What answered at an address, before any key is sent."""

    release: str = ""
    """Label Studio's version; empty for a redirect."""
    redirect: str = ""
    """The address to which the whole server is redirected; empty if it is not."""


class Listing(NamedTuple):
    """The projects that an API key sees."""

    ids: list[int]
    """The first PROJECTS_MAX."""
    left_out: int
    """How many there are beyond these."""


class Model(NamedTuple):
    """A model of a project."""

    url: str
    state: str
    """CONNECTED, or Label Studio's word for another state."""
    trouble: str
    """What Label Studio says of a model that it has not reached."""
    is_interactive: bool


class Webhook(NamedTuple):
    """A webhook of a project."""

    url: str
    is_active: bool
    actions: frozenset[str] | None
    """The actions that it sends; None for all."""


class Refusals(NamedTuple):
    """Why Label Studio refuses an address; empty where it takes it."""

    model: str
    webhook: str


def answer_of(url: str) -> Answer:
    """What answers at an address. Raises LabelStudioError if it is not Label Studio, or does not answer."""
    with explained(url):
        response = httpx.get(f"{url}{VERSION_PATH}/", headers=HEADERS, timeout=SECONDS)
    if response.is_redirect:
        target = str(response.url.join(response.headers.get("location", "").partition("?")[0])).rstrip("/")
        if target.endswith(VERSION_PATH):
            return Answer(redirect=target.removesuffix(VERSION_PATH))
    require_json(response, url)
    if not response.is_success:
        raise refusal(url, response.status_code, VERSION_PATH)
    release = decoded(response, url).get("release")
    if not isinstance(release, str):
        raise no_api(url, f"answered {VERSION_PATH} without a version of Label Studio")
    return Answer(release=release)


class Inspection:
    """Looks at one Label Studio. All methods raise LabelStudioError."""

    def __init__(self, label_studio: LabelStudio) -> None:
        self._label_studio = label_studio

    def account(self) -> str:
        """Whose the API key is: an e-mail address."""
        with self._connected() as connection:
            return str(self._object(connection.get("/api/current-user/whoami")).get("email", ""))

    def projects(self) -> Listing:
        """The projects that the API key sees."""
        with self._connected() as connection:
            found = self._object(connection.get("/api/projects/", params={"page_size": PROJECTS_MAX}))
            ids = [int(project["id"]) for project in found["results"]]
            return Listing(ids, int(found["count"]) - len(ids))

    def models(self, project: int) -> list[Model]:
        """The models of a project. Label Studio calls each before it answers, so their states are of now."""
        with self._connected() as connection:
            found = self._list(connection.get("/api/ml/", params={"project": project}, timeout=MODELS_SECONDS))
            return [
                Model(
                    str(model["url"]),
                    str(model.get("state") or ""),
                    " ".join(str(model.get("error_message") or "").split()),
                    bool(model.get("is_interactive")),
                )
                for model in found
            ]

    def webhooks(self, project: int) -> list[Webhook]:
        """The webhooks of a project."""
        with self._connected() as connection:
            found = self._list(connection.get("/api/webhooks/", params={"project": project}))
            return [
                Webhook(
                    str(webhook["url"]),
                    bool(webhook.get("is_active", True)),
                    None if webhook.get("send_for_all_actions") else frozenset(map(str, webhook.get("actions") or ())),
                )
                for webhook in found
            ]

    def refusals(self, url: str) -> Refusals:
        """Whether Label Studio would take a model at an address, and its webhook.

        It is asked for a model of no project, and for a webhook with an action that there is not. It looks at the
        address first, so it says what is wrong with that, and makes neither (1.23.2). What another release makes of it
        is deleted again.
        """
        webhook = {"url": f"{url.rstrip('/')}/webhook", "actions": [NO_ACTION], "send_for_all_actions": False}
        with self._connected() as connection:
            return Refusals(
                self._refused(connection, "/api/ml/", {"url": url}),
                self._refused(connection, "/api/webhooks/", webhook),
            )

    def _refused(self, connection: Connection, path: str, body: dict[str, Any]) -> str:
        """What Label Studio says against the address in a request that cannot succeed."""
        response = connection.post(path, json=body, timeout=MODELS_SECONDS)  # it may call the model first
        if response.is_success:
            _delete(connection, f"{path}{self._object(response)['id']}/")
            return ""
        if response.status_code == httpx.codes.BAD_REQUEST:
            wrong = decoded(response, self._label_studio.url).get("validation_errors")
            if not isinstance(wrong, dict):
                raise refusal(self._label_studio.url, response.status_code, path, words_of(response))
            return " ".join(map(str, wrong.get("url", ())))
        return words_of(response) or f"it answers {response.status_code}"

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        url = self._label_studio.url
        with self._label_studio.connect() as connection, explained(url):
            try:
                yield connection
            except (ValueError, KeyError, TypeError) as error:
                raise no_api(url, OTHER_SHAPE) from error

    def _object(self, response: httpx.Response) -> dict[str, Any]:
        self._require(response)
        return decoded(response, self._label_studio.url)

    def _list(self, response: httpx.Response) -> list[dict[str, Any]]:
        self._require(response)
        found = response.json()
        if not isinstance(found, list):
            raise TypeError("no list")
        return found

    def _require(self, response: httpx.Response) -> None:
        if not response.is_success:
            path = response.request.url.path
            raise refusal(self._label_studio.url, response.status_code, path, words_of(response))


def _delete(connection: Connection, path: str) -> None:
    """Delete what was made by the question. Raises LabelStudioError if it is left."""
    response = connection.delete(path)
    if not response.is_success:
        raise LabelStudioError(
            f"It made {path} when it was asked, and answered {response.status_code} to its deletion. It is left there: "
            "delete it by Label Studio's API."
        )
