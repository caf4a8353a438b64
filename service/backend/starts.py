"""Clicks on Start Training: one asks Label Studio at a time, however many come while it is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from anyio import to_thread

from service.backend.retraining import Answer


class Starts:
    """Starts runs in threads. At most one start is under way, and at most one waits for its end.

    A click that comes meanwhile shares the start that waits: that one asks how the annotations stand after the click,
    so it learns from all that the person had annotated. Its methods are called in the event loop.
    """

    def __init__(self, start: Callable[[], Answer]) -> None:
        """`start` starts or finds a run, and raises nothing."""
        self._start = start
        self._running: asyncio.Task[Answer] | None = None
        self._waiting: asyncio.Task[Answer] | None = None

    async def answer(self, seconds: float) -> Answer | None:
        """The answer to a click; None if there is none within `seconds`: the run starts all the same."""
        task = self._task()
        await asyncio.wait([task], timeout=seconds)
        return task.result() if task.done() else None

    def _task(self) -> asyncio.Task[Answer]:
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(to_thread.run_sync(self._start))
            return self._running
        if self._waiting is None:
            self._waiting = asyncio.create_task(self._after(self._running))
        return self._waiting

    async def _after(self, before: asyncio.Task[Answer]) -> Answer:
        await asyncio.wait([before])
        self._running, self._waiting = self._waiting, None
        return await to_thread.run_sync(self._start)
