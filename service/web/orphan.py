"""The process that serves under `bentoml serve` ends when `bentoml serve` is gone.

`bentoml serve` starts it in a session of its own, with the port open. If `bentoml serve` itself is killed, by SIGKILL
or for memory, it cannot end it. The orphan would keep the port and the home, and no new start could serve.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import bentoml

log = logging.getLogger(__name__)

PARENT = os.getppid()
"""The process that started this one: read at the import, because it may be killed before the service is built."""
LOOK_SECONDS = 0.2
"""Seconds between two looks at whether it is still there."""


@contextmanager
def no_orphan() -> Iterator[None]:
    """While the context lasts: end this process, as SIGTERM does, once the `bentoml serve` that started it is gone.

    A process that something else started goes on without it, as under nohup.
    """
    if bentoml.server_context.worker_index is None:
        yield
        return
    over = threading.Event()
    threading.Thread(target=_watch, args=(PARENT, over), name="orphan", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _watch(parent: int, over: threading.Event) -> None:
    while not over.wait(LOOK_SECONDS):
        if os.getppid() != parent:
            log.error("bentoml serve (process %d) is gone: this process ends and frees the port", parent)
            os.kill(os.getpid(), signal.SIGTERM)
            return
