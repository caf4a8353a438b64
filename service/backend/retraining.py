"""When a training run starts: on a click, on enough new annotations, after a run that died.

Clicks are idempotent: the run's id is a hash of what it would learn from, so a second click finds the first one's run.
A click while another run is active is remembered, and starts one more run when that run has ended. The click is
forgotten only when its run has started: what keeps a run from starting may pass.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Literal, NamedTuple

from service.backend.census import Census
from service.backend.projects import Projects
from service.backend.protocols import Busy, Launcher, RunStore, Uncancellable
from service.backend.settings import BackendSettings
from service.errors import Cause, cause_of
from service.labelstudio.client import AnnotationState, LabelStudio
from service.labelstudio.errors import LabelStudioError
from service.metrics import failures
from service.runs.run import Run, id_of, now

log = logging.getLogger(__name__)

QUIET_TIMES_MAX = 10
"""While users annotate without a pause, a run starts after this many quiet times."""

RETRY_SECONDS = 15.0
"""Seconds until the backend tries again to start a run that could not be started and that no click is waiting for."""


class Answer(NamedTuple):
    """The answer to a request for a run."""

    run: Run
    """The run that was started or found; if remembered, the active one; if refused, a failed run that says why."""
    kind: Literal["run", "remembered", "refused"]
    """`run`: the run was started or found. `remembered`: another run is active, and one more will follow it.
    `refused`: no run was started, and nothing is remembered."""
    cause: Cause | None = None
    """Why no run was started, for the metrics; None unless refused."""


class Retraining:
    """Decides when runs start. Any thread may call the methods, except that only one thread calls `look_after` and
    `start_due`, at each tick."""

    def __init__(
        self,
        settings: BackendSettings,
        projects: Projects,
        runs: RunStore,
        launcher: Launcher,
        label_studio: LabelStudio,
        census: Census,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._projects = projects
        self._runs = runs
        self._launcher = launcher
        self._label_studio = label_studio
        self._census = census
        self._clock = clock
        self._lock = threading.Lock()
        self._submitted: tuple[float, float] | None = None
        """Clock times of the first and last submission that await a run, in projects that train on submission."""
        self._hinted: tuple[float, float] | None = None
        """Clock times of the first and last event, of those that await a check, that said that annotations changed."""
        self._next_try = 0.0
        """The clock time before which no run is tried without a click."""
        self._refused = ""
        """Why the last try without a click was refused; empty if it was not."""
        self._given_up: set[str] = set()
        """The ids of runs that died and could not be resumed."""
        self.declined = ""
        """Why no run was started or resumed without a click, in words for the page."""

    def start(self, why: str) -> Answer:
        """Start a run over the present annotations, or find the one that already learns from them.

        While another run is active, that one is the answer, and one more is remembered to follow it. If no run can
        start, the answer is a failed run that says why; the page shows it.
        """
        answer = self._attempt(why)
        if answer.kind == "refused":
            self._keep(answer)
        return answer

    def _attempt(self, why: str) -> Answer:
        """Start or find a run. An unexpected error is a refusal too: the thread of a click has nobody to tell."""
        try:
            return self._start_or_find(why)
        except Exception as error:
            cause = cause_of(error)
            if cause is Cause.INTERNAL:
                log.exception("no run was started (%s)", why)
            return self._refusal(why, f"The run could not be started: {error}", cause)

    def _start_or_find(self, why: str) -> Answer:
        self._census.take()
        projects = self._projects.learnt_from
        if not projects:
            reason = "No Label Studio project has connected this backend as its model yet."
            if self._projects.ids:
                reason = "All projects are left out of runs. Take one in on the status page."
            return self._refusal(why, reason, Cause.RUN_START)
        try:
            state = self._label_studio.annotation_state(projects)
        except LabelStudioError as error:
            return self._refusal(why, str(error), error.cause)
        run = Run(
            id=id_of(self._settings.model, state.fingerprint, self._launcher.conditions()),
            projects=projects,
            why=why,
            fingerprint=state.fingerprint,
            annotations=state.annotations,
            annotations_of=state.annotations_of,
        )
        with self._lock:
            return self._launch_or_find(run)

    def submitted(self) -> None:
        """Note that a user submitted an annotation in a project that trains on submission: a run is due when quiet."""
        self._submitted = (self._submitted[0] if self._submitted else self._clock(), self._clock())

    def hint(self) -> None:
        """Note that an event says that annotations changed. After a quiet time Label Studio is asked how many."""
        if self._settings.retrain_every:
            self._hinted = (self._hinted[0] if self._hinted else self._clock(), self._clock())

    @property
    def waiting(self) -> bool:
        """Whether a run is due after a quiet time."""
        return self._submitted is not None

    def cancel(self, run_id: str) -> None:
        """End a run that is at work. Raises Uncancellable, and OSError or RuntimeError if it cannot be told."""
        run = self._runs.get(run_id)
        if run is None:
            raise Uncancellable(f"There is no run {run_id}. Nothing was changed.")
        log.warning("run %s is cancelled by hand in phase %s", run.id, run.phase)
        self._launcher.cancel(run)

    def log_of(self, run_id: str) -> str:
        """Where a run's log is, in words."""
        return self._launcher.log_of(run_id)

    def look_after(self) -> None:
        """Collect ended processes, resume runs that died, and start the run that was requested during another one."""
        self._launcher.reap()
        for run in self._runs.died():
            if run.id not in self._given_up:
                self._resume(run)
        self._follow_up()

    def _follow_up(self) -> None:
        """Start the run that was requested while another one was active.

        If the run cannot start, the click stays remembered. It starts the run once the cause is mended, even if that
        takes a restart of the backend, for a missing setting for instance.
        """
        asked = self._runs.asked_again()
        if not asked or self._runs.active() is not None or self._clock() < self._next_try:
            return
        if self._try("asked for while another run was active").kind == "run":
            self._runs.answered(asked)

    def start_due(self) -> None:
        """Start the run that annotations made due, after a quiet time.

        Each backend starts runs for the submissions it received; the run's id makes a second start a no-op.
        """
        if self._runs.active() is not None or self._clock() < self._next_try:
            return
        if self._is_quiet(self._submitted):
            if self._start_if_new(self._settings.retrain_minimum, "annotations were submitted"):
                self._submitted = None
        elif self._is_quiet(self._hinted) and self._start_if_new(
            self._settings.retrain_every, f"{self._settings.retrain_every} new annotations"
        ):
            self._hinted = None

    def _is_quiet(self, times: tuple[float, float] | None) -> bool:
        """Whether the quiet time has passed, or events have come without a pause for QUIET_TIMES_MAX times as long."""
        if times is None:
            return False
        (first, last), quiet = times, self._settings.retrain_quiet
        return self._clock() - last >= quiet or self._clock() - first >= QUIET_TIMES_MAX * quiet

    def _start_if_new(self, minimum: int, why: str) -> bool:
        """Start a run if there are enough new annotations. Returns False if the caller must try again."""
        last = next((run for run in self._runs.all() if run.succeeded or run.outcome == "cancelled"), None)
        try:
            state = self._label_studio.annotation_state(self._projects.learnt_from)
        except LabelStudioError as error:
            log.warning("no run was started: %s", error)
            failures.count(error.cause)
            self._next_try = self._clock() + RETRY_SECONDS
            return False
        new = _new_annotations(state, last)
        if new >= minimum:
            self.declined = ""
            return self._try(why).kind != "refused"
        self.declined = f"{new} new annotations since the last run; the next one starts by itself at {minimum}."
        log.info("no run was started: %s", self.declined)
        return True

    def _try(self, why: str) -> Answer:
        """Start a run without a click. After a refusal the next try is RETRY_SECONDS later.

        A refusal is kept and counted when it begins, not at every try.
        """
        self._next_try = self._clock() + RETRY_SECONDS
        answer = self._attempt(why)
        message = answer.run.message if answer.kind == "refused" else ""
        if not message:
            self._next_try = 0.0
        elif message != self._refused:
            self._keep(answer)
        self._refused = message
        return answer

    def _launch_or_find(self, run: Run) -> Answer:
        active = self._runs.active()
        if active and active != run.id:
            return self._follow(active, run)
        known = self._runs.get(run.id)
        if known and (known.succeeded or (active and not known.ended)):
            return Answer(known, "run")
        if active:
            return self._follow(active, run)  # the run has failed, and its process is about to end
        try:
            self._launcher.launch(run)
        except Busy:
            active = self._runs.active() or ""
            started = self._runs.get(run.id)
            if active == run.id and started and not started.ended:
                return Answer(started, "run")  # another backend has just started it
            return self._follow(active, run)
        except OSError as error:
            reason = f"The run's process could not be started ({error.strerror})."
            return self._refusal(run.why, reason, Cause.RUN_START)
        except RuntimeError as error:
            return self._refusal(run.why, f"The run could not be started: {error}", cause_of(error, Cause.RUN_START))
        self._runs.prune()
        log.info("run %s started: %s", run.id, run.why)
        return Answer(run, "run")

    def _follow(self, active: str, run: Run) -> Answer:
        """Remember that another run is to start when the active one has ended."""
        self._runs.ask_again(active or run.id)
        return Answer(self._runs.get(active) or run, "remembered")

    def _resume(self, run: Run) -> None:
        """Continue a run that died. If that is impossible (a full disk), say so and give the run up."""
        try:
            self._relaunch(run)
        except OSError as error:
            log.exception("run %s could not be resumed", run.id)
            failures.count(Cause.RUN_START)
            self._given_up.add(run.id)
            self.declined = f"Run {run.id} died and could not be resumed ({error.strerror}); start it again."

    def _relaunch(self, run: Run) -> None:
        """Launch a run that died again, from its checkpoint; end it as failed after `run_attempts` attempts."""
        fresh = self._runs.get(run.id)
        if fresh is None or fresh.ended:
            return
        if fresh.attempt >= self._settings.run_attempts:
            message = (
                f"The run's process ended without an outcome {fresh.attempt} times, last in phase {fresh.phase}. "
                f"The live version is untouched. Its log is {self._launcher.log_of(run.id)}; "
                "Start Training tries again from the last checkpoint."
            )
            self._runs.save(fresh.model_copy(update={"outcome": "failed", "message": message, "updated": now()}))
            return
        log.warning("run %s died in phase %s and is resumed", run.id, fresh.phase)
        again = {"attempt": fresh.attempt + 1, "detail": "resuming", "updated": now()}
        with self._lock:
            try:
                self._launcher.launch(fresh.model_copy(update=again))
            except Busy:
                log.info("run %s waits: another run is active", run.id)

    def _refusal(self, why: str, message: str, cause: Cause) -> Answer:
        """A failed run that says why none was started. A later refusal of the same request has the same id."""
        run = Run(
            id=f"run-{hashlib.sha256(f'refused: {why}'.encode()).hexdigest()[:10]}",
            projects=self._projects.learnt_from,
            why=why,
            outcome="failed",
            message=f"{message} No run was started; the live version is untouched.",
        )
        return Answer(run, "refused", cause)

    def _keep(self, refusal: Answer) -> None:
        """Count and log a refusal, and keep its run for the page."""
        failures.count(refusal.cause or Cause.INTERNAL)
        log.warning("no run was started (%s): %s", refusal.run.why, refusal.run.message)
        try:
            self._runs.save(refusal.run)
            self._runs.prune()
        except (OSError, RuntimeError) as error:
            log.error("the refusal is in this log alone: it could not be kept (%s)", error)


def _new_annotations(state: AnnotationState, last: Run | None) -> int:
    """How many annotations have come since the last run, in the present projects. A project that it did not know is new
    as a whole."""
    if last and not last.annotations_of and last.projects == tuple(state.annotations_of):
        return state.annotations - last.annotations  # a run of an older version, which kept the total alone
    known = last.annotations_of if last else {}
    return sum(max(0, count - known.get(project, 0)) for project, count in state.annotations_of.items())
