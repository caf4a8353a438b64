"""The Label Studio projects that use this release, and what each was configured with."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from service.labelstudio import extra_params
from service.model.reading import Overlap

SEEN_EVERY = timedelta(hours=1)
"""When a project was last seen is written this often, not at every /setup."""
FORGOTTEN_KEPT = timedelta(days=7)
"""That a project was forgotten is kept so long: by then every running backend has read it."""
DEFAULT_PORTS = (":80", ":443")
"""Ports that a URL or a Host header may name or leave out."""
NEVER_SEEN = datetime.fromtimestamp(0, UTC)
"""When a project was seen that an older version kept: it kept no times."""


def now() -> datetime:
    return datetime.now(UTC)


class Project(BaseModel):
    """What is kept of a project between its requests."""

    model_config = ConfigDict(frozen=True)

    id: int
    threshold: float | None = None
    """The project's own threshold, from its extra_params; None for the release's."""
    thresholds: dict[str, float] = {}
    """Thresholds of single labels, from its extra_params, by the value that goes into regions."""
    overlap: Overlap | None = None
    """Which spans may share words, from its extra_params; None for what the version was tuned for."""
    suffix: str = ""
    """What Label Studio sees its versions with besides their names; empty where that is not known."""
    warning: str = ""
    """What of its configuration could not be used, in words for the status page."""
    host: str = ""
    """The host, and port, by which Label Studio called this backend for it; empty where that is not known."""
    recognized: bool = False
    """Whether Label Studio has listed a model at that host: no proxy rewrites it, and it tells this release apart."""
    configured: datetime = NEVER_SEEN
    """When it was last configured, by /setup."""
    seen: datetime = NEVER_SEEN
    """When Label Studio last called for it."""
    forgotten: datetime | None = None
    """When it was last forgotten; None for never."""
    left_out: bool = False
    """Whether runs do not learn from it: somebody has decided that."""
    decided: datetime = NEVER_SEEN
    """When somebody last decided whether runs learn from it."""

    @property
    def is_known(self) -> bool:
        """Whether it has been seen since it was last forgotten."""
        return self.forgotten is None or self.seen > self.forgotten


log = logging.getLogger(__name__)

_KEPT = TypeAdapter(dict[int, Project])


class Projects(ABC):
    """All projects seen, kept so that a restarted backend knows them.

    Several backends and the command line change what is kept. For each project the later sighting, forgetting and
    decision count, wherever they come from, so all agree in any order. A forgetting wins over older sightings, and a
    forgotten project that is seen again is known again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = now()
        self._unreadable = ""
        """What was kept and could not be read; empty where it could."""
        self._stored: dict[int, Project] = self._parse(self._read())
        """What is kept, as it was last read or written here."""
        self._all = {number: _dated(project, self._began) for number, project in self._stored.items()}

    @property
    def ids(self) -> tuple[int, ...]:
        """The known projects."""
        return tuple(project.id for project in self.all)

    @property
    def learnt_from(self) -> tuple[int, ...]:
        """The known projects that are not left out of runs."""
        return tuple(project.id for project in self.all if not project.left_out)

    @property
    def all(self) -> list[Project]:
        """The known projects, by id."""
        return sorted((project for project in self._all.values() if project.is_known), key=lambda project: project.id)

    def get(self, project: int | None) -> Project | None:
        """A known project."""
        found = self._all.get(project) if project is not None else None
        return found if found and found.is_known else None

    def see(self, project: int, host: str = "") -> None:
        """Remember that a project uses this release. `host` is what Label Studio called this backend by."""
        known = self._all.get(project) or Project(id=project)
        self._keep(_called_by(known, host).model_copy(update={"seen": now()}))

    def configure(self, project: int, given: object, config_error: str = "", host: str = "", suffix: str = "") -> None:
        """Take over a project's extra_params; what cannot be used is said, not guessed."""
        params, wrong = extra_params.read(given)
        known = self._all.get(project) or Project(id=project)
        told = {
            "threshold": params.threshold,
            "thresholds": dict(params.thresholds),
            "overlap": params.overlap,
            "suffix": suffix,
            "warning": " ".join(filter(None, (config_error, *wrong))),
        }
        times = {"configured": now(), "seen": now()}
        self._keep(_called_by(known, host).model_copy(update={**told, **times}))

    def recognize(self, project: int) -> None:
        """Note that Label Studio lists a model at the host by which it calls this release."""
        known = self.get(project)
        if known and not known.recognized:
            self._keep(known.model_copy(update={"recognized": True}))

    def forget(self, project: int, why: str, at: datetime | None = None) -> None:
        """Forget a known project that has not been seen since `at` (now), until it is seen again."""
        at = at or now()
        known = self.get(project)
        if known is None or known.seen > at:
            return
        log.warning("project %d is forgotten: %s", project, why)
        self._keep(known.model_copy(update={"forgotten": at}))

    def leave_out(self, project: int) -> None:
        """Let no run learn from a known project, until `take_in`. It is pre-annotated all the same."""
        self._decide(project, True)

    def take_in(self, project: int) -> None:
        """Let runs learn from a known project again."""
        self._decide(project, False)

    def merge(self, written: str) -> str | None:
        """Take over what is written elsewhere. Returns what is to be written; None where nothing is news there."""
        with self._lock:
            self._stored = self._parse(written)
            there = {number: _dated(project, self._began) for number, project in self._stored.items()}
            both = {number: _joined(self._all.get(number), there.get(number)) for number in {*self._all, *there}}
            oldest = now() - FORGOTTEN_KEPT
            self._all = {
                number: project
                for number, project in both.items()
                if project.is_known or (project.forgotten and project.forgotten > oldest)
            }
            is_news = any(_is_news(project, self._stored.get(number)) for number, project in self._all.items())
            return _KEPT.dump_json(self._all).decode() if is_news else None

    def written(self, content: str) -> None:
        """This was written."""
        with self._lock:
            self._stored = self._parse(content)

    @abstractmethod
    def tick(self) -> None:
        """Take over what was written elsewhere, and write what is news from here."""

    @abstractmethod
    def flush(self) -> None:
        """Write what is news from here, or raise what keeps it from being written."""

    @abstractmethod
    def _read(self) -> str:
        """What was written last; empty for nothing."""

    @abstractmethod
    def _note(self) -> None:
        """There is news to be written."""

    def _parse(self, content: str) -> dict[int, Project]:
        """The projects that were kept. If they cannot be read, none: each comes again with its next /setup."""
        try:
            return parsed(content)
        except ValidationError:
            if content != self._unreadable:
                log.exception("the kept projects cannot be read; each is known again when Label Studio calls for it")
                self._unreadable = content
                self._save_unreadable(content)
            return {}

    @abstractmethod
    def _save_unreadable(self, content: str) -> None:
        """Keep what cannot be read, before it is replaced."""

    def _decide(self, project: int, left_out: bool) -> None:
        known = self.get(project)
        if known and known.left_out != left_out:
            log.warning("runs %s project %d: decided by hand", "leave out" if left_out else "learn from", project)
            self._keep(known.model_copy(update={"left_out": left_out, "decided": now()}))

    def _keep(self, project: Project) -> None:
        with self._lock:
            before = self._all.get(project.id)
            kept = _joined(project, before)
            self._all = {**self._all, project.id: kept}
            is_news = _is_news(kept, self._stored.get(project.id))
        if kept.is_known and not (before and before.is_known):
            log.info("project %d uses this release", project.id)
        if is_news:
            self._note()


def parsed(content: str) -> dict[int, Project]:
    """The projects, forgotten ones too, in what was kept. Raises ValueError if it cannot be read."""
    return _KEPT.validate_json(content or "{}")


def _called_by(project: Project, host: str) -> Project:
    """The project, called by this host now; by the last one if the request names none."""
    if not host or host == project.host:
        return project
    return project.model_copy(update={"host": host, "recognized": False})


def _joined(one: Project | None, other: Project | None) -> Project:
    """One project as two places know it: of each kind of news the later one."""
    known = [project for project in (one, other) if project]
    configured = max(known, key=lambda project: (project.configured, project.seen))
    seen = max(known, key=lambda project: project.seen)
    decided = max(known, key=lambda project: project.decided)
    forgotten = max((project.forgotten for project in known if project.forgotten), default=None)
    told = {"left_out": decided.left_out, "decided": decided.decided, "forgotten": forgotten}
    called = {"host": seen.host, "recognized": seen.recognized, "seen": seen.seen}
    return configured.model_copy(update={**called, **told})


def _dated(project: Project, began: datetime) -> Project:
    """The project; one that an older version kept counts as seen when this program began."""
    return project.model_copy(update={"seen": began}) if project.seen == NEVER_SEEN and project.is_known else project


def _is_news(project: Project, stored: Project | None) -> bool:
    """Whether what is stored of a project says something else; a sighting is news once in SEEN_EVERY."""
    if stored is None or project.is_known != stored.is_known:
        return True
    same_times = {"seen": project.seen, "configured": project.configured}
    return project.seen - stored.seen >= SEEN_EVERY or project != stored.model_copy(update=same_times)


def host_of(url: str) -> str:
    """The host and port of an address in small letters, without a login and without a default port."""
    netloc = urlsplit(url).netloc.rpartition("@")[2].lower()
    return next((netloc.removesuffix(port) for port in DEFAULT_PORTS if netloc.endswith(port)), netloc)
