"""Brings a run from phase `rollout` to its end: its version serves or is held."""

from __future__ import annotations

import logging
from contextlib import suppress

from service.backend.cluster.deployment import ExtractorDeployment
from service.backend.cluster.errors import ClusterError
from service.backend.cluster.origin import Origin, Refused
from service.backend.cluster.rollout import ClusterRollout
from service.backend.cluster.runs import JobRuns
from service.backend.protocols import Busy, Launcher
from service.runs.run import Outcome, Run, now
from service.versions.history import Conflict

log = logging.getLogger(__name__)


class Promotion:
    """Rolls out the better versions of runs if the version that they were judged against is still live.

    A run's Job and the Deployment hold its state, so a backend that takes over continues.
    """

    def __init__(
        self,
        runs: JobRuns,
        deployment: ExtractorDeployment,
        rollout: ClusterRollout,
        launcher: Launcher,
        origin: Origin,
    ) -> None:
        self._runs = runs
        self._deployment = deployment
        self._rollout = rollout
        self._launcher = launcher
        self._origin = origin
        self._refused: dict[tuple[str, str], str] = {}
        """Why versions may not serve, by the run and what it names: the registry is not asked while its pod still
        runs."""

    def tick(self) -> None:
        """Do the next step of each run in rollout. Raises ClusterError, and what the registry raises, once all have had
        their step."""
        trouble: Exception | None = None
        for run in self._runs.all():
            if run.in_rollout:
                try:
                    self._advance(run)
                except (OSError, RuntimeError) as error:
                    self._note_trouble(run, error)
                    trouble = trouble or error
        if trouble:
            raise trouble

    def _advance(self, run: Run) -> None:
        if self._rollout.is_target(run.reference):
            if self._rollout.is_over:
                self._end(run, "promoted", f"Version {run.version} serves. {run.message}")
            elif run.rollout == "wanted":
                self._note_begin(run)  # the backend that began the rollout ended before it could note that
            elif self._runs.is_measuring(run.id) and (self._rollout.is_late or self._deployment.lacks_room()):
                self._runs.end_curve(run.id)  # the new version's pods need the place of the run's pod
        elif run.rollout == "begun" or run.reference in self._rollout.history.given_up:
            self._hold(run)
        elif self._rollout.is_over:
            self._begin(run)

    def _begin(self, run: Run) -> None:
        named = run.id, run.reference
        why = self._refused.get(named) or self._refusal(run)
        if why:
            self._refused[named] = why
            self._end(run, "failed", f"Version {run.version} was refused, and the live version stays: {why}")
            return
        try:
            self._rollout.promote(run.champion, run.reference, f"Promoted by {run.id}. {run.message}")
        except Conflict as conflict:
            self._judge_again(run, conflict)
        else:
            self._note_begin(run)

    def _refusal(self, run: Run) -> str:
        """Why the version of a run may not serve; empty if it may."""
        try:
            self._origin.check(run, self._runs.job_of(run.id))
        except Refused as refused:
            log.error("version %s of run %s may not serve: %s", run.version, run.id, refused)
            return str(refused)
        return ""

    def _note_begin(self, run: Run) -> None:
        begun = {"rollout": "begun", "phase": "rollout", "detail": "the new version's pods start", "updated": now()}
        self._runs.save(run.model_copy(update=begun))

    def _note_trouble(self, run: Run, error: Exception) -> None:
        """Say on the page and the Job why the rollout does not go on: no other run starts meanwhile."""
        detail = f"the rollout does not go on, and is tried again: {error}"
        if run.detail != detail:
            with suppress(ClusterError):  # the API server may be what fails
                self._runs.save(run.model_copy(update={"detail": detail, "updated": now()}))

    def _hold(self, run: Run) -> None:
        """End a run whose version was rolled out and does not serve any more.

        The Deployment is read first: another backend may have begun the rollout since it was last seen.
        """
        self._deployment.look()
        self._rollout.look()
        if not self._rollout.is_target(run.reference):
            why = self._rollout.history.why
            self._end(run, "held", f"Version {run.version} was rolled out and does not serve any more. {why}")

    def _judge_again(self, run: Run, conflict: Conflict) -> None:
        """Launch the run again: it finds the version that it has published, and judges it against the live one."""
        if self._runs.active() != run.id:
            return None  # another run comes first
        if self._runs.has_pods(run.id):
            return self._runs.end_curve(run.id)
        log.info("run %s is judged again: %s", run.id, conflict)
        kept = run.model_dump(include={"id", "projects", "why", "fingerprint", "annotations", "annotations_of"})
        fresh = Run(**kept)
        try:
            self._launcher.launch(fresh)
        except Busy as busy:
            log.info("run %s waits: %s", run.id, busy)

    def _end(self, run: Run, outcome: Outcome, message: str) -> None:
        """End a run, once its pod has ended: it may still measure the learning curve, and then the phase says so."""
        if self._runs.has_pods(run.id):
            if run.phase != "curve" and self._runs.is_measuring(run.id):
                measures = {"phase": "curve", "rollout": "begun", "detail": "", "updated": now()}
                self._runs.save(run.model_copy(update=measures))
            return
        if run.curve and run.curve.message not in message:
            message = f"{message} {run.curve.message}"
        elif run.phase == "curve" and not run.curve:
            message = f"{message} What more tasks would bring was not measured: the run's pod ended before that."
        over = {"phase": "done", "percent": 100, "updated": now()}
        self._runs.save(run.end(outcome, message).model_copy(update=over))
