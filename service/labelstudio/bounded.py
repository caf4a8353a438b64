"""A bound to what an answer costs: a server may send it byte by byte for ever, or more than memory holds."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx

ANSWER_SECONDS = 120.0
"""Seconds in which an answer must come as a whole. Label Studio and the proxies in front of it give up after 30 to
60."""
ANSWER_BYTES = 256 << 20
"""Most bytes of an answer. A page of tasks that is larger is asked for again with fewer tasks."""


class TooLarge(httpx.TransportError):
    """An answer is larger than any that is wanted."""


def bound(response: httpx.Response) -> None:
    """Bound an answer of which only the head was read; a hook of an httpx client. Raises TooLarge for a compressed one,
    which was not asked for: what it holds is larger than what comes."""
    kind = response.headers.get("content-encoding", "identity")
    if kind != "identity":
        raise TooLarge(f"it sends {kind} that was not asked for: let no proxy on the way compress")
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = Bounded(response.stream)


class Bounded(httpx.SyncByteStream):
    """The stream of an answer. It raises TooLarge, and httpx.ReadTimeout for an answer that takes too long."""

    def __init__(self, stream: httpx.SyncByteStream) -> None:
        self._stream = stream
        self._until = time.monotonic() + ANSWER_SECONDS

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for part in self._stream:
            size += len(part)
            if size > ANSWER_BYTES:
                raise TooLarge(f"it sends more than {ANSWER_BYTES >> 20} MB")
            if time.monotonic() > self._until:
                raise httpx.ReadTimeout(f"its answer has not come as a whole after {ANSWER_SECONDS:.0f} s")
            yield part

    def close(self) -> None:
        self._stream.close()
