"""The projects that runs learn from, and whether they are annotated enough for a run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from service.labelstudio.client import Overview
from service.model.reading import Overlap
from service.model.spans import TOLD

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor


class Row(NamedTuple):
    """One project."""

    id: int
    counts: Overview | None
    """None before Label Studio has told them."""
    threshold: float | None
    """None for that of the version."""
    thresholds: dict[str, float]
    overlap: str
    is_own_overlap: bool
    """Whether the project sets it."""
    seen: datetime
    is_left_out: bool
    """Whether runs do not learn from it: somebody has decided that."""
    warnings: list[str]


class ProjectsFacts(NamedTuple):
    """All projects, and how ready they are."""

    rows: list[Row]
    address: str
    """Label Studio's address; empty where it is not set."""
    annotated: int | None
    """Number of annotated tasks in all projects that runs learn from; None before Label Studio has told it."""
    needed: int
    """Number of annotated tasks that a run needs."""

    @property
    def readiness(self) -> str:
        """Whether a run can start, as a sentence; empty while that is not known."""
        if self.annotated is None:
            return ""
        if self.annotated >= self.needed:
            return f"{self.annotated:,} tasks are annotated. That is enough for a run, which needs {self.needed}."
        return (
            f"{self.annotated} of {self.needed} annotated: a run can start after {self.needed - self.annotated} more."
        )


def projects(supervisor: Supervisor, overlap: Overlap | None) -> ProjectsFacts:
    """What is known of the projects; `overlap` is that of the version that answers."""
    counts = supervisor.studio.seen
    rows = [
        Row(
            id=project.id,
            counts=counts.get(project.id),
            threshold=supervisor.settings.threshold if project.threshold is None else project.threshold,
            thresholds=project.thresholds,
            overlap=TOLD[wanted] if (wanted := project.overlap or overlap) else "",
            is_own_overlap=project.overlap is not None,
            seen=project.seen,
            is_left_out=project.left_out,
            warnings=[
                *([project.warning] if project.warning else []),
                *supervisor.predictor.tallies.told(project.id),
            ],
        )
        for project in supervisor.projects.all
    ]
    known = [row.counts.annotated for row in rows if row.counts and not row.is_left_out]
    needed = supervisor.settings.min_annotations
    return ProjectsFacts(rows, supervisor.studio.url, sum(known) if known else None, needed)
