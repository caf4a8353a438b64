"""The page for annotators: which version answers, how good it is, and what the runs do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, select_autoescape

from service.backend.curve_drawing import BOTTOM, HEIGHT, LEFT, TOP, WIDTH, draw
from service.model import reading
from service.model.facts import FactsError
from service.model.reading import Overlap
from service.model.spans import TOLD

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    trim_blocks=True,
    lstrip_blocks=True,
)

RUNS_SHOWN = 10
PRELABELLINGS_SHOWN = 20


def render(supervisor: Supervisor, fragment: bool) -> str:
    """The whole page, or only the part that it refreshes itself with."""
    name = "status.html" if fragment else "page.html"
    return _TEMPLATES.get_template(name).render(**_facts(supervisor))


def _facts(supervisor: Supervisor) -> dict[str, Any]:
    answering = supervisor.extractor.version
    lineage = next((known for known in supervisor.published if known.version == answering), None)
    runs = supervisor.runs.all()[:RUNS_SHOWN]
    return {
        "answering": answering,
        "history": supervisor.rollout.history,
        "lineage": lineage,
        "overlap": lineage.overlap if lineage else _overlap_of_base(Path(supervisor.settings.model)),
        "overlaps": TOLD,
        "versions": supervisor.published,
        "runs": runs,
        "drawings": {run.id: draw(run.curve) if run.curve else None for run in runs},
        **{"width": WIDTH, "height": HEIGHT, "left": LEFT, "top": TOP, "bottom": BOTTOM},
        "with_left_out": {run.id for run in runs if supervisor.runs.left_out(run.id)},
        "active": supervisor.runs.active(),
        "waiting": supervisor.retraining.waiting,
        "declined": supervisor.retraining.declined,
        "why_not": supervisor.extractor.why_not,
        "projects": supervisor.projects.all,
        "unread": {project: supervisor.predictor.tallies.told(project) for project in supervisor.projects.ids},
        "asked": {project: supervisor.wordings.of(project) for project in supervisor.projects.ids},
        "prelabellings": [
            (one, supervisor.prelabeller.is_alive(one)) for one in supervisor.prelabeller.all()[:PRELABELLINGS_SHOWN]
        ],
        "acceptance": supervisor.acceptance,
        "threshold": supervisor.settings.threshold,
    }


def _overlap_of_base(model: Path) -> Overlap | None:
    """How spans of the base model may overlap; None where its directory cannot tell."""
    try:
        return reading.read(model).overlap
    except FactsError:
        return None
