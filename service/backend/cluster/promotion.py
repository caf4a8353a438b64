"""A run's version, from "published as better" to promoted or taken back."""

from __future__ import annotations

import logging

from service.backend.cluster.rollout import ClusterRollout
from service.backend.cluster.runs import JobRuns
from service.backend.protocols import Busy, Launcher
from service.runs.run import Outcome, Run
from service.versions.history import Conflict

log = logging.getLogger(__name__)

ROLLING = "rolling out"


class Promotion:
    """Rolls out what runs have published as better, if what they were judged against is still live."""

    def __init__(self, runs: JobRuns, rollout: ClusterRollout, launcher: Launcher) -> None:
        self._runs = runs
        self._rollout = rollout
        self._launcher = launcher

    def tick(self) -> None:
        """Do the next step of each run whose version waits. Raises ClusterError."""
        for run in self._runs.all():
            if run.outcome == "published":
                self._advance(run)

    def _advance(self, run: Run) -> None:
        if self._rollout.is_target(run.reference):
            if self._rollout.is_over:
                self._end(run, "promoted", f"Version {run.version} serves. {run.message}")
            elif run.detail != ROLLING:
                self._runs.save(run.model_copy(update={"detail": ROLLING}))
        elif run.detail == ROLLING:
            why = self._rollout.history.why
            self._end(run, "held", f"Version {run.version} was rolled out and does not serve any more. {why}")
        elif self._rollout.is_over:
            self._begin(run)

    def _begin(self, run: Run) -> None:
        try:
            self._rollout.promote(run.champion, run.reference, f"Promoted by {run.id}. {run.message}")
        except Conflict as conflict:
            log.info("run %s is judged again: %s", run.id, conflict)
            self._judge_again(run)

    def _judge_again(self, run: Run) -> None:
        """The run starts once more: what it has tuned and published is found again, and judged against what is live."""
        if self._runs.active() is not None:
            return
        fresh = Run(
            id=run.id, projects=run.projects, why=run.why, fingerprint=run.fingerprint, annotations=run.annotations
        )
        try:
            self._launcher.launch(fresh)
        except Busy as busy:
            log.info("run %s waits: %s", run.id, busy)

    def _end(self, run: Run, outcome: Outcome, message: str) -> None:
        self._runs.save(run.model_copy(update={"outcome": outcome, "message": message, "detail": ""}))
