"""A backend on one machine: the model in its own process, runs as processes, versions in BentoML's local store."""

from __future__ import annotations

from service.backend.local.launcher import LocalLauncher
from service.backend.local.projects import FileProjects
from service.backend.local.rollout import LocalRollout
from service.backend.loops import Loop
from service.backend.retraining import Retraining
from service.backend.supervisor import Supervisor
from service.extractor.engine import Engine
from service.labelstudio.client import LabelStudio
from service.runs.files import Runs
from service.settings import Settings
from service.versions.history import LiveFile
from service.versions.store import BentoStore


def supervisor(settings: Settings) -> Supervisor:
    """Put the parts together. State is in the settings' home directory."""
    registry = BentoStore(settings.folder)
    runs = Runs(settings.folder)
    engine = Engine()
    rollout = LocalRollout(settings, registry, LiveFile(settings.folder), engine)
    projects = FileProjects(settings.folder)
    retraining = Retraining(settings, projects, runs, LocalLauncher(runs), LabelStudio(settings))
    loops = [Loop([rollout.tick]), Loop([retraining.look_after, retraining.start_due])]
    return Supervisor(settings, engine, rollout, registry, runs, projects, retraining, loops)
