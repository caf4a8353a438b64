"""The Label Studio projects that use this release, and what each was configured with."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from service.labelstudio.messages import extra_params


class Project(BaseModel):
    """What is kept of a project between its requests."""

    model_config = ConfigDict(frozen=True)

    id: int
    threshold: float | None = None
    """The project's own threshold, from its extra_params; None for the release's."""
    warning: str = ""
    """What of its configuration could not be used, in words for the status page."""


log = logging.getLogger(__name__)

_KEPT = TypeAdapter(dict[int, Project])


class Projects(ABC):
    """All projects seen, kept so that a restarted backend knows them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed: set[int] = set()
        self._known: dict[int, Project] = _parse(self._read())

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(sorted(self._known))

    @property
    def all(self) -> list[Project]:
        return [self._known[project] for project in self.ids]

    def get(self, project: int | None) -> Project | None:
        return self._known.get(project) if project is not None else None

    def see(self, project: int) -> None:
        """Remember that a project uses this release."""
        if project not in self._known:
            self._keep(Project(id=project))

    def configure(self, project: int, given: object, config_error: str = "") -> None:
        """Take over a project's extra_params; what cannot be used is said, not guessed."""
        threshold, warning = _threshold(given)
        self._keep(Project(id=project, threshold=threshold, warning=" ".join(filter(None, (config_error, warning)))))

    def _keep(self, project: Project) -> None:
        with self._lock:
            if self._known.get(project.id) != project:
                self._known = {**self._known, project.id: project}
                self._changed.add(project.id)
                self._write(_KEPT.dump_json(self._known, indent=1).decode())

    def merge(self, written: str) -> str | None:
        """Take over what is written elsewhere, but for what has changed here.

        Returns what is to be written; None where that is there already.
        """
        with self._lock:
            there = _parse(written)
            own = {project: self._known[project] for project in self._changed}
            self._known = {**there, **own}
            return _KEPT.dump_json(self._known).decode() if self._known != there else None

    def written(self, content: str) -> None:
        """This was written: what it says has not changed here any more."""
        with self._lock:
            there = _parse(content)
            self._changed = {one for one in self._changed if self._known.get(one) != there.get(one)}

    @abstractmethod
    def _read(self) -> str:
        """What was written last; empty for nothing."""

    @abstractmethod
    def _write(self, content: str) -> None:
        """Keep all projects."""


def _parse(content: str) -> dict[int, Project]:
    """Projects as they were kept. What cannot be read is none: they come again with their next /setup."""
    try:
        return _KEPT.validate_json(content or "{}")
    except ValidationError:
        log.exception("the projects that were kept cannot be read; each is known again when Label Studio asks for it")
        return {}


def _threshold(given: object) -> tuple[float | None, str]:
    try:
        params = extra_params(given)
    except ValueError as error:
        return None, f"{error}; the default threshold is used."
    threshold = params.get("threshold")
    if threshold is None:
        return None, ""
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)) or not 0 < threshold < 1:
        return None, "The threshold in extra_params is not a number between 0 and 1; the default is used."
    return float(threshold), ""
