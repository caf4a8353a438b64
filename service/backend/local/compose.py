"""A backend on one machine: the model in the same process, runs as processes, versions in BentoML's local store."""

from __future__ import annotations

from service.backend.census import Census
from service.backend.local.launcher import LocalLauncher
from service.backend.local.line import LocalLine
from service.backend.local.prelabeller import LocalPrelabeller
from service.backend.local.projects import FileProjects
from service.backend.local.rollout import LocalRollout
from service.backend.local.settings import MachineSettings
from service.backend.loop import Loop
from service.backend.retraining import Retraining
from service.backend.shown_version import shown_version
from service.backend.studio_watch import StudioWatch
from service.backend.supervisor import Supervisor
from service.backend.truth.acceptance import Acceptance
from service.backend.truth.reconciliation import ANSWER_SECONDS, Reconciliation
from service.extractor.engine import Engine
from service.labelstudio.client import LabelStudio
from service.runs.files import Runs
from service.versions.history import LiveFile
from service.versions.names import initial_version
from service.versions.store import BentoStore


def supervisor(settings: MachineSettings) -> Supervisor:
    """Put the parts together. The home directory of the settings holds all state."""
    store = BentoStore(settings.folder)
    runs = Runs(settings.folder)
    engine = Engine()
    rollout = LocalRollout(settings, store, LiveFile(settings.folder), engine)
    projects = FileProjects(settings.folder)
    label_studio = LabelStudio(settings)
    census = Census(projects, label_studio)
    retraining = Retraining(settings, projects, runs, LocalLauncher(runs), label_studio, census)
    prelabeller = LocalPrelabeller(settings.folder)
    initial = initial_version(settings.model, settings.window_words)
    line = LocalLine(settings.folder)
    reconciliation = Reconciliation(projects, LabelStudio(settings, timeout=ANSWER_SECONDS))
    acceptance = Acceptance(reconciliation, rollout, initial, line.give_up, settings.rollback_by_acceptance)
    loops = [
        Loop([rollout.tick]),
        Loop([projects.tick, census.tick, retraining.look_after, retraining.start_due]),
        Loop([shown_version(settings, projects, label_studio, rollout, engine, store).tick]),
        Loop([acceptance.tick]),
    ]
    return Supervisor(
        settings,
        engine,
        rollout,
        store,
        runs,
        projects,
        retraining,
        prelabeller,
        acceptance,
        studio=StudioWatch(projects, label_studio),
        line=lambda: line,
        loops=loops,
    )
