"""The live version on Kubernetes: an annotation on the extractor's pod template.

The state of a rollout is written on the Deployment, so that another backend can continue it. A rollout is finished when
all pods are ready with the new template, and undone if they are not ready in time, or at once if one of them refuses
the version for its signature. Readiness is the canary: a pod is ready once its model finds the spans of the version's
canaries.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import ValidationError, computed_field

from service.backend import metrics
from service.backend.cluster.api import annotation
from service.backend.cluster.deployment import ExtractorDeployment, is_settled, ready_of, replicas_of
from service.backend.cluster.events import Events
from service.backend.cluster.jobs import KubeObject
from service.backend.cluster.pods import refusal_of
from service.backend.protocols import Extractors
from service.errors import Cause
from service.metrics import failures
from service.versions.history import INITIAL, Conflict, History, check_unchanged
from service.versions.names import version_of

log = logging.getLogger(__name__)

VERSION_ANNOTATION = "spanloop.dev/version"
"""Annotation of the pod template: the live version as `repository:VERSION@sha256:…`; absent for the initial model."""
ROLLOUT_ANNOTATION = "spanloop.dev/rollout"
"""Annotation of the Deployment: the state of the rollout, as JSON."""


LATE_SHARE = 0.25
"""The share of a rollout's time after which its pods are taken to lack something that a run's pod has."""


def now() -> datetime:
    return datetime.now(UTC)


class RolloutState(History):
    """The state of the rollout: the history of the versions that the pods should serve, and the last that they did.

    Its JSON also has `target` and `since`, which an older Spanloop reads.
    """

    CHANGES_KEPT: ClassVar[int] = 20
    """Fewer than on one machine: the annotations of an object hold 256 KiB together."""

    good: str = INITIAL
    """The last reference with which all pods were ready."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def target(self) -> str:
        """The reference that the pods should serve. A rollout is under way while it is not `good`."""
        return self.live

    @computed_field  # type: ignore[prop-decorator]
    @property
    def since(self) -> datetime | None:
        """When the rollout to the target began; None if nothing was ever rolled out."""
        return self.changes[-1].at if self.changes else None

    @property
    def is_over(self) -> bool:
        return self.good == self.target

    @property
    def proven(self) -> Self:
        """The state without a rollout that is not over: its changes up to the last good version."""
        places = [place for place, change in enumerate(self.changes) if change.reference == self.good]
        return self.model_copy(update={"changes": self.changes[: places[-1] + 1] if places else ()})

    @property
    def in_use(self) -> frozenset[str]:
        """The references that must not be deleted. The last good one is among them: it serves until the target does."""
        return super().in_use | ({self.good} - {INITIAL})


class ClusterRollout:
    """Rolls the extractor's pods to a version, and takes back a version whose pods do not become ready."""

    def __init__(
        self,
        deployment: ExtractorDeployment,
        initial: str,
        seconds: float,
        events: Events,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deployment = deployment
        self._initial = initial
        self._seconds = seconds
        self._events = events
        self._clock = clock
        self._known = RolloutState()
        self._refused: dict[str, str] = {}
        """Why pods refuse the target, by the target that they were asked of."""
        self._first_seen: tuple[tuple[str, datetime | None] | None, float] = (None, 0.0)
        self._extractors: Extractors | None = None

    @property
    def version(self) -> str:
        """The version that should answer: the new one once no pod of the old one is left."""
        return version_of(self._known.good) or self._initial

    @property
    def extractors(self) -> Extractors | None:
        """The pods as they were last seen; None before that."""
        return self._extractors

    @property
    def history(self) -> RolloutState:
        """The changes of the live version, the last of which should answer, and the state of its rollout."""
        return self._known

    @property
    def trouble(self) -> str:
        """Why the extractor refuses the version that should answer, for its signature; empty if it does not."""
        return self._refused.get(self._known.target, "")

    @property
    def reference(self) -> str:
        """The last good version's reference; empty for the initial model."""
        return self._known.good

    @property
    def target(self) -> str:
        """The reference that the pods serve or should serve."""
        return self._known.target

    def is_target(self, reference: str) -> bool:
        """Whether the pods serve or should serve this reference."""
        return self._known.target == reference

    @property
    def is_over(self) -> bool:
        return self._known.is_over

    @property
    def is_late(self) -> bool:
        """Whether a rollout has taken LATE_SHARE of its time and is not over."""
        return not self.is_over and self._watched(self._known) > LATE_SHARE * self._seconds

    def promote(self, expected: str, reference: str, why: str) -> None:
        """Begin the rollout of a reference if `expected` is still live. Raises Conflict otherwise."""

        def begin(deployment: KubeObject) -> None:
            check_unchanged(expected, reference_of(deployment))
            self._patch(deployment, state_of(deployment).swapped(reference, why, now()))

        self._deployment.look()
        self._deployment.change(begin)

    def rollback(self, expected: str, previous: str, why: str) -> None:
        """Go back from `expected` to `previous` if they are still the live reference and the one before it.

        Raises Conflict otherwise.
        """

        def begin(deployment: KubeObject) -> None:
            state = state_of(deployment)
            check_unchanged(expected, reference_of(deployment))
            if state.previous != previous:
                raise Conflict(
                    f"The version before the live one is {version_of(state.previous) or 'the initial model'}, not "
                    f"{version_of(previous) or 'the initial model'}: it was changed meanwhile. Nothing was done."
                )
            self._patch(deployment, state.back(why, now()))

        self._deployment.look()
        self._deployment.change(begin)

    def look(self) -> None:
        """Read the state of the rollout and its pods from the Deployment as it was last seen. Changes nothing."""
        seen, known = self._deployment.seen, self._extractors
        self._known = state_of(seen)
        counts = ready_of(seen), replicas_of(seen)
        if known is None or known[:2] != counts:
            self._extractors = Extractors(*counts, now())

    def look_at_pods(self) -> None:
        """Note whether pods refuse the target for its signature: no pod will ever serve it then. Changes nothing."""
        target, known = self._known.target, self.trouble
        pods = [] if target == INITIAL or self._deployment.is_settled else self._deployment.pods()
        told = (refusal_of(pod) for pod in pods if annotation(pod, VERSION_ANNOTATION) == target)
        self._refused = {target: next(filter(None, told), "")}
        if self.trouble and not known:
            failures.count(Cause.SIGNATURE)
            log.error("%s", self.trouble)

    def tick(self) -> None:
        """Check the pods, and finish or undo a rollout, or adopt a change that was made by hand."""
        self._deployment.change(self._advance)

    def _advance(self, deployment: KubeObject) -> None:
        state, found = state_of(deployment), reference_of(deployment)
        if found != state.target:
            # A user patched the template: that rollout is watched like one of the backend's.
            state = state.swapped(found, "Set on the Deployment by hand.", now())
            self._note(deployment, state)
        elif not state.is_over and is_ready(deployment):
            state = state.model_copy(update={"good": state.target})
            self._note(deployment, state)
            metrics.ROLLOUTS.labels("done").inc()
            version = version_of(state.good) or self._initial
            log.info("version %s answers", version)
            self._events.promoted(deployment, version, state.why, state.since)
        elif not state.is_over and self._refused.get(state.target):
            state = self._take_back(deployment, state, self._refused[state.target])
        elif not state.is_over and self._watched(state) > self._seconds:
            state = self._take_back(deployment, state, f"its pods were not ready in {self._seconds:.0f} s.")
        elif not state.is_over and replicas_of(deployment) == 0:
            self._deployment.scale(1)  # a version must prove itself, even if no request needs a pod
        self._known = state

    def _take_back(self, deployment: KubeObject, state: RolloutState, why: str) -> RolloutState:
        """Undo a rollout. Returns the state after that."""
        told = f"{version_of(state.target)} was taken back: {why}"
        log.error("%s", told)
        undone = state.undone(state.good, told, now())
        self._patch(deployment, undone)
        metrics.ROLLOUTS.labels("undone").inc()
        self._events.taken_back(deployment, told, undone.since)
        return undone

    def _watched(self, state: RolloutState) -> float:
        """Seconds since this process first saw a rollout. The clocks of two machines are never compared."""
        rollout = (state.target, state.since)
        if self._first_seen[0] != rollout:
            self._first_seen = (rollout, self._clock())
        return self._clock() - self._first_seen[1]

    def _patch(self, deployment: KubeObject, state: RolloutState) -> None:
        """Change the template and the state in one step."""
        template = {"metadata": {"annotations": {VERSION_ANNOTATION: state.target or None}}}
        self._write(deployment, state, {"spec": {"template": template}})
        self._known = state

    def _note(self, deployment: KubeObject, state: RolloutState) -> None:
        self._write(deployment, state, {})

    def _write(self, deployment: KubeObject, state: RolloutState, body: dict[str, Any]) -> None:
        noted = {"metadata": {"annotations": {ROLLOUT_ANNOTATION: state.as_json()}}}
        self._deployment.patch(deployment, {**body, **noted})


def reference_of(deployment: KubeObject) -> str:
    """The live version's reference in the pod template; empty for the initial model."""
    return annotation(deployment["spec"]["template"], VERSION_ANNOTATION)


def state_of(deployment: KubeObject) -> RolloutState:
    """The state of the rollout. An annotation that cannot be read counts as none: anybody can write one."""
    return state_in(annotation(deployment, ROLLOUT_ANNOTATION))


def state_in(noted: str) -> RolloutState:
    """The state of the rollout that is noted; that of a new release where nothing readable is."""
    try:
        return RolloutState.model_validate_json(noted) if noted else RolloutState()
    except ValidationError:
        log.exception("the noted state of the rollout cannot be read and is written anew: %.200s", noted)
        return RolloutState()


def is_ready(deployment: KubeObject) -> bool:
    """Whether there is at least one pod, and all are ready with the current template."""
    return replicas_of(deployment) > 0 and is_settled(deployment)
