"""What a run in a pod shows: its state and metrics while it runs, and its last words when it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from service import watch
from service.runs.run import Run
from service.watch import TERMINATION_MESSAGE_BYTES
from training import metrics


def answering(port: int, run: Callable[[], Run]) -> AbstractContextManager[None]:
    """Answer GET /progress (the run as JSON) and GET /metrics on a port until the context ends.

    Raises OSError if the port is taken.
    """
    return watch.answering(port, lambda: run().model_dump_json(), lambda: metrics.gauges(run()))


def last_words(run: Run) -> str:
    """A run as JSON of at most TERMINATION_MESSAGE_BYTES: long fields are left out or cut."""
    for shortened in (run, _without_labels(run), _without_labels(run).model_copy(update={"fingerprint": ""})):
        words = shortened.model_dump_json(exclude_defaults=True)
        if len(words.encode()) <= TERMINATION_MESSAGE_BYTES:
            return words
    room = (
        TERMINATION_MESSAGE_BYTES
        - len(shortened.model_copy(update={"message": ""}).model_dump_json(exclude_defaults=True))
        - 100
    )
    cut = run.message.encode()[: max(room // 2, 0)].decode(errors="ignore") + " …"
    return shortened.model_copy(update={"message": cut}).model_dump_json(exclude_defaults=True)


def leave(run: Run, path: Path) -> None:
    """Write a run's last words to the file of the termination message. Raises OSError."""
    path.write_text(last_words(run), encoding="utf-8")


def _without_labels(run: Run) -> Run:
    scores = {name: score.model_copy(update={"per_label": {}, "support": {}}) for name, score in run.scores.items()}
    return run.model_copy(update={"scores": scores, "curve": None})
