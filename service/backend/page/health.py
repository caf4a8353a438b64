"""The strip of health: who answers, since when, and what would keep a training run from starting."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from service.backend.studio_watch import Seen

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor

State = Literal["good", "bad", "open"]
"""`open`: not known yet."""


class Sign(NamedTuple):
    """How one part stands."""

    name: str
    state: State
    text: str
    since: datetime | None = None


class Health(NamedTuple):
    """All parts, and what a person should do before pressing Start Training."""

    signs: list[Sign]
    notices: list[str]


def health(supervisor: Supervisor) -> Health:
    """How the parts stand as this backend knows it; it asks nobody."""
    seen = supervisor.studio.seen
    notices = [f"Start Training would fail: {seen.trouble}"] if seen.trouble else []
    return Health([_label_studio(seen), _model(supervisor)], notices)


def _label_studio(seen: Seen) -> Sign:
    if seen.since is None:
        return Sign("Label Studio", "open", "is being asked")
    return Sign(
        "Label Studio", "bad" if seen.trouble else "good", "no access" if seen.trouble else "answers", seen.since
    )


def _model(supervisor: Supervisor) -> Sign:
    extractor = supervisor.extractor
    if supervisor.rollout.refusal:
        return Sign("Model", "bad", f"is refused: {supervisor.rollout.refusal}")
    if extractor.why_not:
        return Sign("Model", "bad", f"does not answer: {extractor.why_not}", extractor.since)
    if not extractor.version:
        return Sign("Model", "open", "is being loaded")
    if extractor.since is None:
        return Sign("Model", "open", "was not asked yet since this backend began")
    where = f"answers on {extractor.device}" if extractor.device else "answers in its own pods"
    return Sign("Model", "good", where, extractor.since)
