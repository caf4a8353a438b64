"""Logs: lines for people, or JSON by setting, each with the id of the request it belongs to.

No text, token or body of a request is ever logged.
"""

from __future__ import annotations

import json
import logging
import threading
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="-")


OWN_LOGGERS = ("service", "training", "bentoml")
"""Whose lines are told from INFO on."""


class Human(logging.Formatter):
    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s [%(request)s] %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        record.request = request_id.get()
        return super().format(record)


class Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "request": request_id.get(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(as_json: bool) -> None:
    """Send this program's logs to stderr, in one of the two forms; of other libraries only warnings and errors."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if as_json else Human())
    logging.getLogger().handlers = [handler]
    for name in (*OWN_LOGGERS, "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.setLevel(logging.INFO if name in OWN_LOGGERS else logging.WARNING)
        logger.propagate = True
    for known in logging.root.manager.loggerDict.values():
        if isinstance(known, logging.Logger):
            known.disabled = False  # BentoML's configuration disables all that were there before it
    threading.excepthook = _thread_ended


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "one that is gone"
    error = ended.exc_value or ended.exc_type()
    logging.getLogger("service").critical("the thread %r has ended", name, exc_info=error)
