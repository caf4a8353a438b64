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
from typing import Any, ClassVar

from pydantic import ValidationError, computed_field

from service.backend import metrics
from service.backend.cluster.api import annotation
from service.backend.cluster.deployment import ExtractorDeployment, is_settled, replicas_of
from service.backend.cluster.jobs import KubeObject
from service.versions.history import INITIAL, Conflict, History, check_unchanged
from service.versions.names import version_of

log = logging.getLogger(__name__)

VERSION_ANNOTATION = "spanloop.dev/version"
"""Annotation of the pod template: the live version as `repository:VERSION@sha256:…`; absent for the initial model."""
ROLLOUT_ANNOTATION = "spanloop.dev/rollout"
"""Annotation of the Deployment: where the rollout stands, as JSON."""


def now() -> datetime:
    return datetime.now(UTC)


class RolloutState(History):
    """Where the rollout stands: the history of what the pods were to become, and the last of it that they did become.

    As JSON it has `target` and `since` besides, which an older Spanloop reads.
    """

    CHANGES_KEPT: ClassVar[int] = 20
    """Fewer than on one machine: the annotations of an object hold 256 KiB together."""

    good: str = INITIAL
    """The last reference whose pods were all ready."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def target(self) -> str:
        """What the pods are to become; a rollout is under way where it is not `good`."""
        return self.live

    @computed_field  # type: ignore[prop-decorator]
    @property
    def since(self) -> datetime | None:
        """When the rollout to the target began; None where nothing was ever rolled out."""
        return self.changes[-1].at if self.changes else None

    @property
    def is_over(self) -> bool:
        return self.good == self.target

    @property
    def in_use(self) -> frozenset[str]:
        """The last good reference as well: it serves until the target is ready."""
        return super().in_use | ({self.good} - {INITIAL})


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
        self._first_seen: tuple[tuple[str, datetime | None] | None, float] = (None, 0.0)

    @property
    def version(self) -> str:
        """The version that answers: a new one when no pod of the old one is left."""
        return version_of(self._known.good) or self._initial

    @property
    def history(self) -> RolloutState:
        """What should answer, and how it came to be."""
        return self._known

    @property
    def reference(self) -> str:
        """The last good version's reference; empty for the initial model."""
        return self._known.good

    @property
    def target(self) -> str:
        """The reference that the pods are, or are to become, of."""
        return self._known.target

    def is_target(self, reference: str) -> bool:
        """Whether the pods are, or are to become, of this reference."""
        return self._known.target == reference

    @property
    def is_over(self) -> bool:
        return self._known.is_over

    def promote(self, expected: str, reference: str, why: str) -> None:
        """Begin to roll to a reference if the live one still is `expected`. Raises Conflict otherwise."""

        def begin(deployment: KubeObject) -> None:
            check_unchanged(expected, reference_of(deployment))
            self._patch(deployment, state_of(deployment).swapped(reference, why, now()))

        self._deployment.look()
        self._deployment.change(begin)

    def rollback(self, expected: str, previous: str, why: str) -> None:
        """Go back from `expected` to `previous` if these still are the live reference and the one before it.

        Raises Conflict otherwise.
        """

        def begin(deployment: KubeObject) -> None:
            standing = state_of(deployment)
            check_unchanged(expected, reference_of(deployment))
            if standing.previous != previous:
                raise Conflict(
                    f"The version before the live one is {version_of(standing.previous) or 'the initial model'}, not "
                    f"{version_of(previous) or 'the initial model'}: it was changed meanwhile. Nothing was done."
                )
            self._patch(deployment, standing.back(why, now()))

        self._deployment.look()
        self._deployment.change(begin)

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
            standing = standing.swapped(found, "Set on the Deployment by hand.", now())
            self._note(deployment, standing)
        elif not standing.is_over and is_ready(deployment):
            standing = standing.model_copy(update={"good": standing.target})
            self._note(deployment, standing)
            metrics.ROLLOUTS.labels("done").inc()
            log.info("version %s answers", version_of(standing.good) or self._initial)
        elif not standing.is_over and self._watched(standing) > self._seconds:
            why = f"{version_of(standing.target)} was taken back: its pods were not ready in {self._seconds:.0f} s."
            log.error("%s", why)
            standing = standing.undone(standing.good, why, now())
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
        noted = {"metadata": {"annotations": {ROLLOUT_ANNOTATION: standing.as_json()}}}
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
