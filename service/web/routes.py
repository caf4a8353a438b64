"""What the routes of both services have in common: a request id, errors as JSON, metrics by the route's own path."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from service import logs
from service.errors import Cause, cause_of
from service.metrics import failures, requests

log = logging.getLogger(__name__)

Handler = Callable[[Request], Awaitable[Response]]
BodyT = TypeVar("BodyT")


class Refused(Exception):
    """A request that is answered with an error: its status, what to do, and its cause for the metrics."""

    def __init__(self, status: int, reason: str, cause: Cause, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.cause = cause
        self.headers = dict(headers or {})


def route(path: str, handler: Handler, method: str = "GET") -> Route:
    """One route, whose handler may raise Refused; whatever else it raises is logged and hidden from who asked."""
    requests.expect(path)

    async def endpoint(request: Request) -> Response:
        token = logs.request_id.set(uuid.uuid4().hex[:8])
        with requests.in_flight(path), requests.SECONDS.labels(path).time():
            response = await _answered(path, handler, request)
        requests.REQUESTS.labels(path, str(response.status_code)).inc()
        response.headers["X-Request-Id"] = logs.request_id.get()
        logs.request_id.reset(token)
        return response

    return Route(path, endpoint, methods=[method])


async def _answered(path: str, handler: Handler, request: Request) -> Response:
    try:
        return await handler(request)
    except Refused as refused:
        log.warning("%s answered %d: %s", path, refused.status, refused.reason)
        failures.count(refused.cause)
        return JSONResponse({"error": refused.reason}, refused.status, refused.headers)
    except Exception as error:
        log.exception("%s failed", path)
        failures.count(cause_of(error))
        reason = f"An error of this service; its log has the cause under request {logs.request_id.get()}."
        return JSONResponse({"error": reason}, 500)


async def no_such_route(request: Request, error: Exception) -> Response:
    """What no route answers (404, 405), as JSON like everything else."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return JSONResponse({"error": HTTPStatus(status).phrase}, status)


async def body_of(request: Request, limit: int) -> bytes:
    """The body, never more than `limit` bytes of it in memory. Raises Refused (413)."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise _too_large(limit)
    return bytes(received)


def decode(body: bytes, kind: type[BodyT]) -> BodyT:
    """A body as its kind. Raises Refused (400) that says what is wrong and where."""
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise Refused(400, f"The body does not have the expected shape: {error}.", Cause.BAD_REQUEST) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(400, f"The body is not valid JSON: {error}.", Cause.BAD_REQUEST) from error


def _too_large(limit: int) -> Refused:
    reason = f"The body is over {limit >> 20} MB; send fewer tasks at once, or raise SPANLOOP_MAX_BODY_MB."
    return Refused(413, reason, Cause.TOO_LARGE)
