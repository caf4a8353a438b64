"""HTTP to one Label Studio: below its sub-path, with its API key, and with a clear error if no API answers."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx

from service.labelstudio.bounded import bound
from service.labelstudio.errors import LabelStudioError, NoApi
from service.labelstudio.patience import AWAY, Patience

HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
"""No compression: of a few bytes it makes more than memory holds."""
WORDS_MAX = 200
"""Most characters that are told of what Label Studio says in a refusal."""
REFRESH_PATH = "/api/token/refresh/"
JWT_PARTS = 3
"""A personal access token is a JWT: three parts with dots between them. A legacy token has no dot."""


class ApiKey(httpx.Auth):
    """Authorizes requests with an API key of either kind.

    A legacy token is sent as it is. A personal access token is exchanged for an access token, which lives 300 seconds
    (Label Studio 1.23.2). It is kept until a request is answered with 401; then the key is exchanged again, and that
    request is sent once more. This compares no clocks and works with any lifetime.
    """

    def __init__(self, url: str, key: str) -> None:
        self._url = url
        self.key = key
        self._access = ""
        """The access token that was last granted; empty before the first."""

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Raises LabelStudioError if Label Studio does not exchange the personal access token."""
        if self.key.count(".") != JWT_PARTS - 1:
            request.headers["Authorization"] = f"Token {self.key}"
            yield request
            return
        if not self._access:
            self._access = yield from self._exchanged(request)
        request.headers["Authorization"] = f"Bearer {self._access}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._access = yield from self._exchanged(request)
            request.headers["Authorization"] = f"Bearer {self._access}"
            yield request

    def _exchanged(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, str]:
        """A new access token, obtained within the timeouts of `request`.

        A Label Studio that is away is an httpx.ConnectError: `request` has not been sent, so it may be sent again.
        """
        body = {"refresh": self.key}
        response = yield httpx.Request("POST", self._url + REFRESH_PATH, json=body, extensions=request.extensions)
        response.read()
        require_json(response, self._url)
        if response.status_code in (400, 401, 403):
            raise LabelStudioError(
                "Label Studio refuses the personal access token; it may be expired or revoked. Create another under "
                "Account & Settings and set SPANLOOP_LABEL_STUDIO_API_KEY to it."
            )
        if response.status_code in AWAY:
            raise httpx.ConnectError(f"{response.status_code} to {REFRESH_PATH}")
        if not response.is_success:
            raise refusal(self._url, response.status_code, REFRESH_PATH)
        access = decoded(response, self._url).get("access")
        if not isinstance(access, str) or not is_sendable(access):
            raise no_api(self._url, f"answered {REFRESH_PATH} without an access token")
        return access


class Connection(httpx.Client):
    """An httpx client of one Label Studio. Paths are relative to its address, a sub-path (`http://host/ls`) included.

    It follows no redirect, and bounds what an answer costs. Every request raises LabelStudioError for an answer that is
    not an API's: a redirect, or anything but JSON. The caller handles a status of 500 or above.
    """

    def __init__(self, url: str, key: ApiKey, timeout: float, patience: Patience | None = None) -> None:
        """With `patience` a Label Studio that is away is waited for."""
        super().__init__(base_url=url, auth=key, timeout=timeout, headers=HEADERS, event_hooks={"response": [bound]})
        self._address = url
        self._patience = patience

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        send = partial(super().send, request, **options)
        response = self._patience.answer(send, reads=request.method == "GET") if self._patience else send()
        try:
            require_json(response, self._address)
        except LabelStudioError:
            response.close()
            raise
        return response


@contextmanager
def explained(url: str) -> Iterator[None]:
    """Turn httpx's errors into LabelStudioError."""
    try:
        yield
    except httpx.LocalProtocolError:  # its message quotes headers, so no traceback may show it either
        raise LabelStudioError(f"Label Studio at {url} cannot be asked: a header is not valid.") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LabelStudioError(
            f"Label Studio at {url} does not answer ({error or type(error).__name__}); start it, or check "
            "SPANLOOP_LABEL_STUDIO_URL (labelStudio.url in the chart)."
        ) from error


def require_json(response: httpx.Response, url: str) -> None:
    """Raises LabelStudioError for a redirect, and for content of a status below 500 that is not JSON."""
    path = response.request.url.path
    if response.is_redirect:
        target = response.headers.get("location", "").partition("?")[0]
        raise no_api(url, f"redirects {path} to {target or 'nowhere'}")
    if response.status_code >= 500 or response.status_code == httpx.codes.NO_CONTENT:
        return
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    if "json" not in kind:
        what = f"answered {path} with {response.status_code} and {kind or 'nothing'} instead of JSON"
        raise no_api(url, what, response.status_code)


def decoded(response: httpx.Response, url: str) -> dict[str, Any]:
    """The JSON object of an answer. Raises LabelStudioError for anything else."""
    try:
        body = response.json()
    except ValueError as error:
        raise no_api(url, f"answered {response.request.url.path} without JSON") from error
    if not isinstance(body, dict):
        raise no_api(url, f"answered {response.request.url.path} with JSON of another shape")
    return body


def no_api(url: str, what: str, status: int = 0) -> NoApi:
    """The error for an address where something other than Label Studio's API answers."""
    return NoApi(
        f"What answers at {url} is not Label Studio's API, but a login page, a proxy or another program: it {what}. "
        "Check SPANLOOP_LABEL_STUDIO_URL, its path included, and the proxies on the way.",
        status,
    )


def refusal(url: str, status: int, what: str, said: str = "") -> LabelStudioError:
    """The error for a status that Label Studio refuses with. `said`: its own words for it, as `words_of` gives them."""
    answer = f" It says: {said}" if said else ""
    if status in (401, 403):
        return LabelStudioError(
            "Label Studio refuses the API key: set SPANLOOP_LABEL_STUDIO_API_KEY to a valid one (in the chart, in the "
            f"Secret of labelStudio.existingSecret).{answer}"
        )
    return LabelStudioError(f"Label Studio at {url} answered {status} to {what}.{answer}")


def words_of(response: httpx.Response) -> str:
    """What Label Studio says in a refusal that was read; empty if it says nothing."""
    try:
        said = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return " ".join(str(said).split())[:WORDS_MAX]


def is_sendable(key: str) -> bool:
    """Whether a header can hold a key. httpx would quote a key in the error for one that it cannot send."""
    return key.isascii() and key.isprintable() and " " not in key
