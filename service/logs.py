"""Logs: lines for people or, by setting, JSON. Each line has the id of the request that it belongs to.

Nothing logs a text, a token or the body of a request.
"""

from __future__ import annotations

import json
import logging
import threading
from contextvars import ContextVar
from datetime import UTC, datetime

request_id: ContextVar[str] = ContextVar("request_id", default="-")


OWN_LOGGERS = ("service", "training", "bentoml")
"""Loggers whose INFO lines are shown."""


class Human(logging.Formatter):
    """Formats lines for people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s [%(request)s] %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        record.request = request_id.get()
        return super().format(record)


class Json(logging.Formatter):
    """Formats each line as one JSON object."""

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
    """Send this program's logs to stderr, as JSON or as lines for people. Libraries log only warnings and errors."""
    handler = logging.StreamHandler()
    handler.setFormatter(Json() if as_json else Human())
    logging.getLogger().handlers = [handler]
    for name in (*OWN_LOGGERS, "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.setLevel(logging.INFO if name in OWN_LOGGERS else logging.WARNING)
        logger.propagate = True
    for logger_or_placeholder in logging.root.manager.loggerDict.values():
        if isinstance(logger_or_placeholder, logging.Logger):
            logger_or_placeholder.disabled = False  # BentoML's configuration disables all earlier loggers
    threading.excepthook = _thread_ended


def _thread_ended(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "unknown"
    error = ended.exc_value or ended.exc_type()
    logging.getLogger("service").critical("the thread %r has ended", name, exc_info=error)
