"""What a run in a pod shows: its state and metrics while it runs, and its last words when it ends."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from service import watch
from service.runs.run import END_CURVE_PATH, Run
from service.watch import TERMINATION_MESSAGE_BYTES
from training import metrics


def answering(port: int, run: Callable[[], Run], end_curve: Callable[[], None]) -> AbstractContextManager[None]:
    """Answer GET /progress (the run as JSON) and GET /metrics on a port until the context ends.

    A POST to END_CURVE_PATH calls `end_curve`. Raises OSError if the port is taken.
    """
    requests = {END_CURVE_PATH: end_curve}
    return watch.answering(port, lambda: run().model_dump_json(), lambda: metrics.gauges(run()), requests)


def last_words(run: Run) -> str:
    """A run as JSON of at most TERMINATION_MESSAGE_BYTES: long fields are left out or cut."""
    few = _without_labels(run)
    fewer = few.model_copy(update={"fingerprint": ""})
    for shortened in (run, few, fewer):
        words = shortened.model_dump_json(exclude_defaults=True)
        if len(words.encode()) <= TERMINATION_MESSAGE_BYTES:
            return words
    if _length_without_message(fewer) > TERMINATION_MESSAGE_BYTES // 2:
        fewer = fewer.model_copy(update={"curve": None})
    room = TERMINATION_MESSAGE_BYTES - _length_without_message(fewer) - 100
    cut = run.message.encode()[: max(room // 2, 0)].decode(errors="ignore") + " …"
    return fewer.model_copy(update={"message": cut}).model_dump_json(exclude_defaults=True)


def leave(run: Run, path: Path) -> None:
    """Write a run's last words to the file of the termination message. Raises OSError."""
    path.write_text(last_words(run), encoding="utf-8")


def _length_without_message(run: Run) -> int:
    return len(run.model_copy(update={"message": ""}).model_dump_json(exclude_defaults=True).encode())


def _without_labels(run: Run) -> Run:
    scores = {name: score.model_copy(update={"per_label": {}, "support": {}}) for name, score in run.scores.items()}
    curve = run.curve.model_copy(update={"labels": {}}) if run.curve else None
    return run.model_copy(update={"scores": scores, "curve": curve})
