"""The strip of health: what answers, since when, and what would keep a training run from starting."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from service.backend.dependencies import TOLD, Dependency, Name
from service.backend.protocols import Extractors

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor

Standing = Literal["good", "bad", "open"]
"""`open`: not known, or not wholly so."""

WITHOUT: dict[Name, str] = {
    "label_studio": "Start Training would fail",
    "registry": "What is known of versions is as the registry last told it, and a run could publish none",
    "api_server": "Runs and rollouts stand still, and Start Training would fail",
}
"""What a person should know while a dependency cannot be used."""


class Sign(NamedTuple):
    """How one part stands."""

    name: str
    state: Standing
    text: str
    since: datetime | None = None


class Health(NamedTuple):
    """All parts, and what a person should know before pressing Start Training."""

    model: Sign
    dependencies: list[Sign]
    notices: list[str]


def health(supervisor: Supervisor) -> Health:
    """How the parts stand as this backend knows it; it asks nobody."""
    needed = supervisor.dependencies.values()
    notices = [f"{WITHOUT[one.name]}: {one.state.trouble}" for one in needed if one.state.trouble]
    notices += [supervisor.rollout.trouble] if supervisor.rollout.trouble else []
    return Health(_model(supervisor), [_dependency(one) for one in needed], notices)


def _dependency(one: Dependency) -> Sign:
    name, (trouble, since) = TOLD[one.name], one.state
    if since is None:
        return Sign(name, "open", "is being asked")
    return Sign(name, "bad" if trouble else "good", "cannot be used" if trouble else "answers", since)


def _model(supervisor: Supervisor) -> Sign:
    extractor, extractors = supervisor.extractor, supervisor.rollout.extractors
    if extractors and supervisor.dependencies["api_server"].state.trouble:
        return Sign("Model", "open", f"{_count(extractors)} when the API server last answered")
    if extractors and not (extractors.ready and extractors.ready == extractors.wanted):
        return _pods(extractors)
    if extractor.why_not:
        return Sign("Model", "bad", f"does not answer: {extractor.why_not}", extractor.since)
    if extractors:
        return Sign("Model", "good", _count(extractors), extractors.since)
    if not extractor.version:
        return Sign("Model", "open", "is being loaded")
    return Sign("Model", "good", f"answers on {extractor.device}", extractor.since)


def _pods(extractors: Extractors) -> Sign:
    """The model while not all of its pods are ready, or none is wanted."""
    if not extractors.wanted:
        return Sign("Model", "good", "rests: the next prediction wakes an extractor", extractors.since)
    return Sign("Model", "open" if extractors.ready else "bad", _count(extractors), extractors.since)


def _count(extractors: Extractors) -> str:
    return f"{extractors.ready} of {extractors.wanted} extractors ready"
