"""Counts people's work from Label Studio's records.

Webhooks are lost, come twice and come late, so none is counted: one only says that it is time to look. A look reads the
annotated tasks that have changed since the last one, and counts each as it stands. So the figures are a function of
what Label Studio has, and an annotation that is edited or deleted takes its counts along.

Nothing is kept on disk: a backend that starts, or begins to lead, reads all annotated tasks once.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from service.backend.projects import Projects
from service.backend.truth.ledger import Ledger
from service.backend.truth.standing import Standing, standing
from service.backend.truth.tally import Tally, added
from service.labelstudio.changes import OVERLAP, Changes
from service.labelstudio.client import LabelStudio, ProjectState
from service.labelstudio.controls import Control
from service.labelstudio.errors import LabelStudioError, ProjectGone
from service.labelstudio.label_config import LabelConfigError, parse
from service.labelstudio.work import work_of

log = logging.getLogger(__name__)

ANSWER_SECONDS = 60.0
"""So long Label Studio has for a page of tasks with their annotations and predictions."""
LOOK_SECONDS = 60.0
"""Seconds between two looks: two light requests for each project in which nothing has changed."""
HINTED_SECONDS = 10.0
"""The same where an event has said that annotations changed."""
RECOUNT_SECONDS = 86_400.0
"""All annotated tasks are read again so often: a change that left a task's `updated_at` alone is found then."""


class Where(NamedTuple):
    """The work that is counted together."""

    project: int
    version: str


@dataclass(frozen=True)
class Totals:
    """What people's work says, as of one look."""

    tallies: Mapping[Where, Tally] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    """Of each version by its name, over all projects."""
    left_out: Mapping[int, Counter[str]] = field(default_factory=dict)
    """By project the number of annotations that are not counted, by reason."""
    at: datetime | None = None
    """When Label Studio was last asked, and said how all projects stand; None before that."""


@dataclass
class Counted:
    """What is known of one project."""

    ledger: Ledger
    state: ProjectState
    """How it stood before what the ledger counts was read: what changed meanwhile is read at the next look."""
    controls: tuple[Control, ...]
    recounted: float
    """The clock time at which all its tasks were last read."""
    changed: float
    """The clock time at which its state was last seen to change."""
    is_settled: bool = False
    """Whether its tasks were read again OVERLAP after that: by then every change that it came with can be read."""


class Reconciliation:
    """The totals of all known projects. One thread calls `tick`; any may read `totals` and call `hint`."""

    def __init__(
        self, projects: Projects, label_studio: LabelStudio, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.totals = Totals()
        self._projects = projects
        self._label_studio = label_studio
        self._clock = clock
        self._counted: dict[int, Counted] = {}
        self._next_look = 0.0
        self._is_hinted = False
        self._told: dict[int, str] = {}
        """Why each project is not compared: logged when it changes, not at each look."""
        self._unasked: set[int] = set()
        """The projects of which Label Studio did not say how they stand when it was last asked."""

    def hint(self) -> None:
        """An event says that annotations changed: look sooner."""
        self._is_hinted = True

    def tick(self) -> bool:
        """Look if it is time. Returns whether it was."""
        due = self._next_look - (LOOK_SECONDS - HINTED_SECONDS if self._is_hinted else 0.0)
        is_time = self._label_studio.is_set and self._clock() >= due
        if is_time:
            try:
                self.look()
            finally:  # an unexpected error must not make it look at each tick
                self._next_look = self._clock() + LOOK_SECONDS
        return is_time

    def look(self) -> None:
        """Count what has changed in all projects. A project that cannot be read keeps what was counted of it."""
        self._is_hinted = False
        known = self._projects.ids
        began = datetime.now(UTC)
        changes = [self._look_at(project) for project in known]
        is_smaller = not self._counted.keys() <= set(known)
        self._counted = {project: self._counted[project] for project in known if project in self._counted}
        self._told = {project: self._told[project] for project in known if project in self._told}
        if is_smaller or any(changes):
            self.totals = self._totals()
        if self._counted and not self._unasked.intersection(known):
            self.totals = replace(self.totals, at=began)

    def _look_at(self, project: int) -> bool:
        """Count what has changed in a project. Returns whether anything may have."""
        try:
            with Changes(self._label_studio, project) as changes:
                has_changed = self._count(project, changes)
        except (ProjectGone, LabelConfigError) as error:
            self._tell(project, str(error))
            has_changed = self._counted.pop(project, None) is not None
        except LabelStudioError as error:
            self._tell(project, str(error))
            self._unasked.add(project)
            return False
        else:
            self._told.pop(project, None)
        self._unasked.discard(project)
        return has_changed

    def _tell(self, project: int, why: str) -> None:
        if self._told.get(project) != why:
            log.warning("people's work in project %d is not compared with predictions: %s", project, why)
        self._told[project] = why

    def _count(self, project: int, changes: Changes) -> bool:
        began, state, known = self._clock(), changes.state(), self._counted.get(project)
        is_new = known is None or known.state.label_config != state.label_config
        if known is None or is_new or began - known.recounted >= RECOUNT_SECONDS:
            counted = Counted(Ledger(), state, tuple(parse(state.label_config)), began, began)
            _read(counted, changes, "")
            self._counted[project] = counted
            return True
        if state != known.state:
            known.changed, known.is_settled = began, False
        elif known.is_settled:
            return False
        _read(known, changes, known.state.latest)
        if len(known.ledger) != state.tasks:
            known.ledger.keep(changes.ids())
        known.state = state
        known.is_settled = began - known.changed >= OVERLAP.total_seconds()
        return True

    def _totals(self) -> Totals:
        """What all ledgers say, from sums that they hold: it takes no longer for more tasks."""
        tallies = {
            Where(project, version): tally
            for project, counted in self._counted.items()
            for version, tally in counted.ledger.tallies().items()
        }
        of_version: defaultdict[str, list[Tally]] = defaultdict(list)
        for where, tally in tallies.items():
            of_version[where.version].append(tally)
        standings = {version: standing(version, added(some)) for version, some in of_version.items()}
        left_out = {project: counted.ledger.left_out() for project, counted in self._counted.items()}
        return Totals(tallies, standings, left_out, self.totals.at)


def _read(counted: Counted, changes: Changes, latest: str) -> None:
    for task in changes.since(latest):
        counted.ledger.count(task.id, work_of(task, counted.controls))
