"""The status page: a module for the facts of each part, a template for its place.

No view of it asks another program: what it shows, loops have found out before.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from service.backend.page.assets import DIGESTS
from service.backend.page.details import details, overlap_of
from service.backend.page.health import health
from service.backend.page.labels import labels
from service.backend.page.live import live
from service.backend.page.more import curve_of, more
from service.backend.page.projects import projects
from service.backend.page.terms import of_100
from service.backend.page.training import training
from service.backend.page.versions import versions
from service.runs.run import now

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.filters["of_100"] = of_100
TEMPLATES.globals["assets"] = DIGESTS


def render(supervisor: Supervisor, fragment: bool, may_change: bool) -> str:
    """The whole page, or only the part that it refreshes itself with.

    `may_change`: whether the person who asks may change versions and projects here.
    """
    supervisor.studio.opened()
    name = "status.html" if fragment else "page.html"
    return TEMPLATES.get_template(name).render(**_facts(supervisor), may_change=may_change)


def _facts(supervisor: Supervisor) -> dict[str, Any]:
    runs, overlap = supervisor.runs.all(), overlap_of(supervisor)
    of_labels = labels(supervisor, curve_of(runs))
    return {
        "now": now(),
        "is_alone": supervisor.settings.is_alone,
        "health": health(supervisor),
        "live": live(supervisor),
        "training": training(supervisor, runs),
        "labels": of_labels,
        "more": more(supervisor, runs, of_labels),
        "projects": projects(supervisor, overlap),
        "versions": versions(supervisor),
        "details": details(supervisor, runs, overlap),
    }
