"""Shared by the routes of both services: request ids, metrics per route, errors as JSON."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import logs
from service.errors import Cause, cause_of
from service.metrics import failures, requests

log = logging.getLogger(__name__)

CLIENT_LEFT = 499
"""What counts as the status where the client left before it was answered, as in nginx."""

Endpoint = Callable[[Request], Awaitable[Response]]
BodyT = TypeVar("BodyT")
Body = bytes | bytearray
"""A body as it came."""


class RequestRefused(Exception):
    """A request is answered with an error: HTTP status, reason for the client, cause for the metrics, headers."""

    def __init__(self, status: int, reason: str, cause: Cause, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.cause = cause
        self.headers = dict(headers or {})


class Observed:
    """A route's outermost middleware: it gives each request an id, counts and times it, and answers unexpected errors.

    It logs an unexpected error with the request's id. The client gets only the id.
    """

    def __init__(self, app: ASGIApp, path: str) -> None:
        self._app = app
        self._path = path
        requests.expect(path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = logs.request_id.set(uuid.uuid4().hex[:8])
        status = 0

        async def observe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = logs.request_id.get()
            await send(message)

        try:
            with requests.in_flight(self._path), requests.DURATION.labels(self._path).time():
                try:
                    await self._app(scope, receive, observe)
                except ClientDisconnect:
                    log.info("%s: the client left before it was answered", self._path)
                except Exception as error:
                    log.exception("%s failed", self._path)
                    failures.count(cause_of(error))
                    if status:
                        raise  # the client already has a part of the answer
                    await _internal_error()(scope, receive, observe)
            requests.REQUESTS.labels(self._path, str(status or CLIENT_LEFT)).inc()
        finally:
            logs.request_id.reset(token)


def route(path: str, endpoint: Endpoint, methods: str = "GET", middleware: Sequence[Middleware] = ()) -> Route:
    """One observed route of one method or, separated by blanks, several. Its endpoint and the error handlers of its
    middleware may raise RequestRefused."""
    return Route(path, endpoint, methods=methods.split(), middleware=[Middleware(Observed, path=path), *middleware])


def refused(request: HTTPConnection, error: Exception) -> Response:
    """Answer a RequestRefused, log it and count its cause."""
    assert isinstance(error, RequestRefused)  # noqa: S101 - starlette types all handlers alike
    log.warning("%s answered %d: %s", request.url.path, error.status, error.reason)
    failures.count(error.cause)
    return JSONResponse({"error": error.reason}, error.status, error.headers)


def http_error(request: Request, error: Exception) -> Response:
    """Answer a path or method without a route (404, 405) with JSON."""
    assert isinstance(error, HTTPException)  # noqa: S101 - starlette types all handlers alike
    return JSONResponse({"error": HTTPStatus(error.status_code).phrase}, error.status_code, error.headers)


EXCEPTION_HANDLERS: Mapping[Any, Callable[[Request, Exception], Response]] = {
    RequestRefused: refused,
    HTTPException: http_error,
}
"""For `Starlette(exception_handlers=…)`."""


def _internal_error() -> Response:
    reason = f"This service failed. Its log has the cause under request {logs.request_id.get()}."
    return JSONResponse({"error": reason}, 500)


def decode(body: Body, kind: type[BodyT]) -> BodyT:
    """A JSON body as an instance of `kind`. Raises RequestRefused (400) that says what is wrong and where."""
    return decoded(body, lambda content: _decode(content or b"{}", kind))


def decoded(body: Body, read: Callable[[Body], BodyT]) -> BodyT:
    """A body as `read` reads it. Raises RequestRefused (400) if `read` raises ValueError or a kind of it."""
    try:
        return read(body)
    except msgspec.ValidationError as error:
        raise RequestRefused(400, f"The body does not have the expected shape: {error}.", Cause.BAD_REQUEST) from error
    except (ValueError, RecursionError) as error:
        raise RequestRefused(400, f"The body is not valid JSON: {error}.", Cause.BAD_REQUEST) from error


def _decode(content: Body, kind: type[BodyT]) -> BodyT:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # JSON allows half a surrogate pair and numbers beyond a double, and msgspec does not.
        return msgspec.convert(json.loads(content.decode("utf-8", "surrogatepass")), kind)
