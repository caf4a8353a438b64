"""A backend on one machine: the model in its own process, runs as processes, versions in BentoML's local store."""

from __future__ import annotations

from service.backend.label_studio import LabelStudio
from service.backend.launcher import LocalLauncher
from service.backend.projects import FileProjects
from service.backend.retraining import Retraining
from service.backend.rollout import LocalRollout
from service.backend.supervisor import Supervisor
from service.extractor.engine import Engine
from service.live import LiveFile
from service.registry import Registry
from service.runs import Runs
from service.settings import Settings


def supervisor(settings: Settings) -> Supervisor:
    """Put the parts together. State is in the settings' home directory."""
    registry = Registry(settings.folder)
    runs = Runs(settings.folder)
    engine = Engine()
    rollout = LocalRollout(settings, registry, LiveFile(settings.folder), engine)
    projects = FileProjects(settings.folder)
    retraining = Retraining(settings, projects, runs, LocalLauncher(runs), LabelStudio(settings))
    looks = [[rollout.tick], [retraining.look_after, retraining.start_due]]
    return Supervisor(settings, engine, rollout, registry, runs, projects, retraining, looks)
