"""What a pre-labelling in a pod shows: its progress and metrics while it runs, and its last words when it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

from service import watch
from service.prelabel import metrics
from service.prelabel.progress import Prelabelling, most_frequent
from service.prelabel.settings import PrelabelSettings

REASONS_MAX = 5
"""Reasons that are kept, the most frequent first."""
REASON_CHARACTERS = 100
MESSAGE_CHARACTERS = 400


@contextmanager
def watched(settings: PrelabelSettings, stands: Callable[[], Prelabelling]) -> Iterator[None]:
    """Answer on the port of the settings until the context ends; then leave the last words in their file.

    Raises OSError if the port is taken or the file cannot be written.
    """
    port = settings.progress_port
    server = watch.answering(port, lambda: brief(stands()).model_dump_json(), lambda: metrics.families(stands()))
    try:
        with server if port else nullcontext():
            yield
    finally:
        if settings.termination_log:
            settings.termination_log.write_text(last_words(stands()), encoding="utf-8")


def last_words(prelabelling: Prelabelling) -> str:
    """A pre-labelling as JSON of at most TERMINATION_MESSAGE_BYTES."""
    short = brief(prelabelling)
    words = short.model_dump_json(exclude_defaults=True)
    if len(words.encode()) <= watch.TERMINATION_MESSAGE_BYTES:
        return words
    cut = {"reasons": {}, "unread": {}, "message": short.message[: MESSAGE_CHARACTERS // 4]}
    return short.model_copy(update=cut).model_dump_json(exclude_defaults=True)


def brief(prelabelling: Prelabelling) -> Prelabelling:
    """The pre-labelling as others see it: without what only its own process needs, and with short texts."""
    cut = {"reasons": _short(prelabelling.reasons), "unread": _short(prelabelling.unread)}
    others = prelabelling.model_dump(exclude={"in_doubt", "message", *cut})
    return Prelabelling(**others, **cut, message=prelabelling.message[:MESSAGE_CHARACTERS])


def _short(reasons: Mapping[str, int]) -> dict[str, int]:
    """The most frequent reasons, each cut. Those that begin alike are one."""
    return most_frequent(
        *({reason[:REASON_CHARACTERS]: count} for reason, count in reasons.items()), number=REASONS_MAX
    )
