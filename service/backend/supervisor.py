"""A backend's parts, put together for its routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from service.backend.admission import Admission
from service.backend.loops import Loop, Loops
from service.backend.predict import Predictor
from service.backend.projects import Projects
from service.backend.protocols import Prelabeller, Rollout, RunStore, VersionStore
from service.backend.retraining import Retraining
from service.backend.settings import BackendSettings
from service.extractor.questions import Extractor
from service.runs.run import Run
from service.versions.lineage import Lineage


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
        loops: Sequence[Loop],
        leads: Callable[[], bool] = lambda: True,
        resign: Callable[[], None] = lambda: None,
    ) -> None:
        """`leads` tells whether this backend, of several of a release, speaks for it; `resign` lets another do so."""
        self.settings = settings
        self.extractor = extractor
        self.rollout = rollout
        self.store = store
        self.runs = runs
        self.projects = projects
        self.predictor = Predictor(settings, projects, extractor)
        self.retraining = retraining
        self.prelabeller = prelabeller
        self.admission = Admission()
        self.leads = leads
        self.published: list[Lineage] = []
        """The published versions as they were last listed, the newest first."""
        self._resign = resign
        self._loops = Loops([*loops, Loop([self._list])])

    @property
    def body_limit(self) -> int:
        return self.settings.max_body_mb << 20

    @property
    def version_names(self) -> list[str]:
        """The version that answers first, then all others that could."""
        names = [self.extractor.version or "", *(lineage.version for lineage in self.published)]
        return list(dict.fromkeys(name for name in names if name))

    @property
    def demand(self) -> int:
        """Texts that wait for the extractor; at least one during a rollout: its pods must prove themselves."""
        return max(self.extractor.queued, 0 if self.rollout.is_over else 1)

    def run(self, run_id: str) -> Run | None:
        """A run by its id, the newest for an empty id."""
        return next((run for run in self.runs.all() if run_id in (run.id, "")), None)

    def start(self) -> None:
        self._loops.start()

    def hurry(self) -> None:
        """Look after runs and versions now: something has happened that waits for it."""
        self._loops.hurry()

    def close(self) -> None:
        self._loops.close()
        self._resign()
        self.extractor.close()

    def _list(self) -> None:
        self.published = self.store.versions()
