"""The parts of a backend, put together for its routes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from service.backend.admission import Admission
from service.backend.complaints import Complaints
from service.backend.dependencies import Dependencies, Dependency
from service.backend.line import VersionLine
from service.backend.loop import Loop
from service.backend.predict import Predictor
from service.backend.projects import Projects
from service.backend.protocols import Prelabeller, Rollout, RunStore, VersionStore
from service.backend.retraining import Retraining
from service.backend.settings import BackendSettings
from service.backend.studio_watch import StudioWatch
from service.backend.truth.acceptance import Acceptance
from service.backend.verdicts import Verdicts
from service.backend.wordings import Wordings
from service.errors import Cause, cause_of
from service.extractor.questions import Extractor
from service.metrics import failures
from service.runs.run import Run
from service.versions.lineage import Lineage
from service.versions.names import with_suffix

log = logging.getLogger(__name__)


class Supervisor:
    """Holds the parts of one backend, and runs its loops from `start` to `close`."""

    def __init__(
        self,
        settings: BackendSettings,
        extractor: Extractor,
        rollout: Rollout,
        store: VersionStore,
        runs: RunStore,
        projects: Projects,
        retraining: Retraining,
        prelabeller: Prelabeller,
        acceptance: Acceptance,
        studio: StudioWatch,
        line: Callable[[], VersionLine],
        loops: Sequence[Loop],
        dependencies: Sequence[Dependency] = (),
        leads: Callable[[], bool] = lambda: True,
        resign: Callable[[], None] = lambda: None,
    ) -> None:
        """`line` connects to the versions to change which is live. `dependencies` are those besides Label Studio.
        `leads` returns whether this backend leads those of its release; `resign` lets another backend lead."""
        self.settings = settings
        self.extractor = extractor
        self.rollout = rollout
        self.store = store
        self.runs = runs
        self.projects = projects
        self.predictor = Predictor(settings, projects, extractor)
        self.wordings = Wordings()
        self.retraining = retraining
        self.prelabeller = prelabeller
        self.acceptance = acceptance
        self.studio = studio
        self.line = line
        self.admission = Admission()
        self.dependencies: Dependencies = {one.name: one for one in (studio.dependency, *dependencies)}
        self.leads = leads
        self.published: list[Lineage] = []
        """The published versions when they were last listed, the newest first."""
        self._resign = resign
        self.verdicts = Verdicts(store)
        self._complaints = Complaints()
        self._loops = [*loops, Loop([self._list, self._read_verdicts]), Loop([studio.tick])]

    @property
    def body_limit(self) -> int:
        return self.settings.max_body_mb << 20

    @property
    def version_names(self) -> list[str]:
        """The version that answers, then all other published ones."""
        names = [self.extractor.version or "", *(lineage.version for lineage in self.published)]
        return list(dict.fromkeys(name for name in names if name))

    @property
    def answers(self) -> bool:
        """Whether the live version answers at present, as far as this backend knows: on a cluster, a pod is ready."""
        extractors = self.rollout.extractors
        return bool(self.extractor.version) and (extractors is None or extractors.ready > 0)

    @property
    def rests(self) -> bool:
        """Whether no pod is wanted: the next prediction wakes one."""
        extractors = self.rollout.extractors
        return extractors is not None and extractors.wanted == 0

    def lineage(self, version: str | None) -> Lineage | None:
        """The lineage of a published version; None for the base model, and for what is no published version."""
        return next((known for known in self.published if known.version == version), None)

    @property
    def reported(self) -> set[str]:
        """The published versions that have a report."""
        return {lineage.version for lineage in self.published if lineage.report}

    @property
    def seen_names(self) -> list[str]:
        """The versions as Label Studio sees them, with the suffix of each project; as they are called for no project.

        The version that answers comes first, then all others that could.
        """
        suffixes = dict.fromkeys(project.suffix for project in self.projects.all if project.suffix)
        if not suffixes:
            return self.version_names
        return [with_suffix(name, suffix) for name in self.version_names for suffix in suffixes]

    @property
    def demand(self) -> int:
        """Number of texts that wait for the extractor; at least 1 during a rollout, which needs a pod."""
        return max(self.extractor.queued, 0 if self.rollout.is_over else 1)

    def run(self, run_id: str) -> Run | None:
        """A run by its id, the newest for an empty id; None if there is no such run."""
        return next((run for run in self.runs.all() if run_id in (run.id, "")), None)

    def start(self) -> None:
        for loop in self._loops:
            loop.start(self._complaints.note)

    def close(self) -> None:
        for loop in self._loops:
            loop.end()
        for loop in self._loops:
            loop.join()
        self._keep_projects()
        self._resign()
        self.extractor.close()

    def _keep_projects(self) -> None:
        """Write what was said of projects since the last tick."""
        try:
            self.projects.flush()
        except Exception as error:  # the rest must end too
            cause = cause_of(error)
            failures.count(cause)
            log.error(
                "what Label Studio said of its projects last is not kept (%s); it says it again when one is opened",
                error,
                exc_info=cause is Cause.INTERNAL,
            )

    def _list(self) -> None:
        self.published = self.store.versions()

    def _read_verdicts(self) -> None:
        """Read the verdicts of the newest version, of the one that answers and of the last that a run made."""
        newest = [lineage.version for lineage in self.published[:1]]
        last = next((run.version for run in self.runs.all() if run.version), "")
        published = {lineage.version for lineage in self.published}
        self.verdicts.keep(name for name in (*newest, self.extractor.version, last) if name in published)
