"""The live version on Kubernetes: an annotation on the extractor's pod template.

Where a rollout stands is written on the Deployment, so that whoever is the backend next carries on: it is finished when
all pods are of the new template and ready, and undone when they are not in time. Readiness is the canary: a pod is
ready once its model finds what it found where it was published.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from service.backend import metrics
from service.backend.cluster.api import annotation
from service.backend.cluster.deployment import ExtractorDeployment, is_settled, replicas_of
from service.backend.cluster.jobs import KubeObject
from service.versions.history import INITIAL, Change, Conflict, Live
from service.versions.names import version_of

log = logging.getLogger(__name__)

VERSION_ANNOTATION = "spanloop.dev/version"
"""Annotation of the pod template: the live version as `repository:VERSION@sha256:…`; absent for the initial model."""
ROLLOUT_ANNOTATION = "spanloop.dev/rollout"
"""Annotation of the Deployment: where the rollout stands, as JSON."""
CHANGES_KEPT = 20


def now() -> datetime:
    return datetime.now(UTC)


class Turn(BaseModel):
    """One change of the live version, with the reference that brings it back."""

    model_config = ConfigDict(frozen=True)

    reference: str
    at: datetime
    why: str


class RolloutState(BaseModel):
    """Where the rollout stands."""

    model_config = ConfigDict(frozen=True)

    good: str = INITIAL
    """The last reference whose pods were all ready."""
    target: str = INITIAL
    """What the pods are to become; a rollout is under way where it is not `good`."""
    since: datetime = Field(default_factory=now)
    history: tuple[Turn, ...] = ()
    """Oldest first; the last is the target. What was undone is not in it."""
    given_up: tuple[str, ...] = ()
    """References that were undone or rolled back, and not promoted again since."""

    @property
    def previous(self) -> str:
        """The reference before the target; the initial model where there was none."""
        return self.history[-2].reference if len(self.history) > 1 else INITIAL

    def to(self, target: str, why: str) -> RolloutState:
        """A rollout to another reference begins."""
        step = Turn(reference=target, at=now(), why=why)
        given_up = tuple(reference for reference in self.given_up if reference != target)
        history = (*self.history, step)[-CHANGES_KEPT:]
        return self.model_copy(update={"target": target, "since": step.at, "history": history, "given_up": given_up})

    def back(self, why: str) -> RolloutState:
        """The target is left for the reference before it."""
        return self._without_target(self.history[:-2]).to(self.previous, why)

    def undone(self, why: str) -> RolloutState:
        """The target is given up for the last good one; what came after that leaves the history."""
        places = [place for place, step in enumerate(self.history) if step.reference == self.good]
        return self._without_target(self.history[: places[-1] if places else 0]).to(self.good, why)

    def _without_target(self, history: tuple[Turn, ...]) -> RolloutState:
        return self.model_copy(update={"history": history, "given_up": (*self.given_up, self.target)[-CHANGES_KEPT:]})

    @property
    def is_over(self) -> bool:
        return self.good == self.target


class ClusterRollout:
    """Brings the extractor's pods to a version, and takes one back that does not become ready."""

    def __init__(
        self,
        deployment: ExtractorDeployment,
        initial: str,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deployment = deployment
        self._initial = initial
        self._seconds = seconds
        self._clock = clock
        self._known = RolloutState()
        self._first_seen: tuple[tuple[str, datetime] | None, float] = (None, 0.0)

    @property
    def version(self) -> str:
        """The version that answers: a new one when no pod of the old one is left."""
        return version_of(self._known.good) or self._initial

    @property
    def live(self) -> Live:
        steps = self._known.history
        return Live(history=tuple(Change(version=version_of(s.reference), at=s.at, why=s.why) for s in steps))

    @property
    def reference(self) -> str:
        """The last good version's reference; empty for the initial model."""
        return self._known.good

    @property
    def target(self) -> str:
        """The reference that the pods are, or are to become, of."""
        return self._known.target

    @property
    def given_up(self) -> tuple[str, ...]:
        """References that were undone or rolled back: no run brings them back by itself."""
        return self._known.given_up

    @property
    def in_use(self) -> set[str]:
        """The references that must stay in the registry: what serves, what is to serve, and what one can go back to."""
        return {self._known.good, self._known.target, self._known.previous} - {INITIAL}

    def is_target(self, reference: str) -> bool:
        """Whether the pods are, or are to become, of this reference."""
        return self._known.target == reference

    @property
    def is_over(self) -> bool:
        return self._known.is_over

    def promote(self, expected: str, reference: str, why: str) -> None:
        """Begin to roll to a reference if the live one still is `expected`. Raises Conflict otherwise."""

        def begin(deployment: KubeObject) -> None:
            found = reference_of(deployment)
            if found != expected:
                raise Conflict(
                    f"The live version is {version_of(found) or 'the initial model'}, not "
                    f"{version_of(expected) or 'the initial model'}: it was changed meanwhile. Nothing was done."
                )
            self._patch(deployment, state_of(deployment).to(reference, why))

        self._deployment.change(begin)

    def rollback(self, why: str) -> str:
        """Go back to the version before the live one. Returns its reference."""
        self._deployment.change(lambda deployment: self._patch(deployment, state_of(deployment).back(why)))
        return self._known.target

    def look(self) -> None:
        """Learn from the Deployment where the rollout stands. Asks and changes nothing."""
        self._known = state_of(self._deployment.seen)

    def tick(self) -> None:
        """See how the pods stand, and finish, undo or take over what is under way."""
        self._deployment.change(self._advance)

    def _advance(self, deployment: KubeObject) -> None:
        standing, found = state_of(deployment), reference_of(deployment)
        if found != standing.target:
            # Somebody else patched the template: it is watched like one of ours.
            standing = standing.to(found, "Set on the Deployment by hand.")
            self._note(deployment, standing)
        elif not standing.is_over and is_ready(deployment):
            standing = standing.model_copy(update={"good": standing.target})
            self._note(deployment, standing)
            metrics.ROLLOUTS.labels("done").inc()
            log.info("version %s answers", version_of(standing.good) or self._initial)
        elif not standing.is_over and self._watched(standing) > self._seconds:
            why = f"{version_of(standing.target)} was taken back: its pods were not ready in {self._seconds:.0f} s."
            log.error("%s", why)
            standing = standing.undone(why)
            self._patch(deployment, standing)
            metrics.ROLLOUTS.labels("undone").inc()
        elif not standing.is_over and replicas_of(deployment) == 0:
            self._deployment.scale(1)  # a version must prove itself, also where nobody asks for it
        self._known = standing

    def _watched(self, standing: RolloutState) -> float:
        """For how many seconds this process has watched a rollout: the clocks of two machines are never compared."""
        rollout = (standing.target, standing.since)
        if self._first_seen[0] != rollout:
            self._first_seen = (rollout, self._clock())
        return self._clock() - self._first_seen[1]

    def _patch(self, deployment: KubeObject, standing: RolloutState) -> None:
        """Change the template and the standing in one step."""
        template = {"metadata": {"annotations": {VERSION_ANNOTATION: standing.target or None}}}
        self._write(deployment, standing, {"spec": {"template": template}})
        self._known = standing

    def _note(self, deployment: KubeObject, standing: RolloutState) -> None:
        self._write(deployment, standing, {})

    def _write(self, deployment: KubeObject, standing: RolloutState, body: dict[str, Any]) -> None:
        noted = {"metadata": {"annotations": {ROLLOUT_ANNOTATION: standing.model_dump_json()}}}
        self._deployment.patch(deployment, {**body, **noted})


def reference_of(deployment: KubeObject) -> str:
    """The live version's reference, as the pod template has it."""
    return annotation(deployment["spec"]["template"], VERSION_ANNOTATION)


def state_of(deployment: KubeObject) -> RolloutState:
    """Where the rollout stands. What cannot be read (anybody can write an annotation) counts as nothing."""
    noted = annotation(deployment, ROLLOUT_ANNOTATION)
    try:
        return RolloutState.model_validate_json(noted) if noted else RolloutState()
    except ValidationError:
        log.exception("the annotation %s of the Deployment cannot be read and is written anew", ROLLOUT_ANNOTATION)
        return RolloutState()


def is_ready(deployment: KubeObject) -> bool:
    """Whether all pods are of the current template and ready, and there is at least one."""
    return replicas_of(deployment) > 0 and is_settled(deployment)
