"""What the commands list: as tables for people, and as documents for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Column, Table

from service.backend.projects import Project
from service.versions.history import INITIAL
from service.versions.lineage import Calibrated, Lineage

OTHERS = "any other"
"""The row of labels that a version was not tuned on."""


def versions(published: Iterable[Lineage], live: str) -> Table:
    """The published versions, and which is live."""
    name = Column("version", no_wrap=True)  # a person copies the whole name to promote it
    table = Table("", name, "published (UTC)", "tasks", "F1", "base F1", "verdict")
    for lineage in published:
        table.add_row(
            "live" if lineage.version == live else "",
            lineage.version,
            f"{lineage.created:%Y-%m-%d %H:%M}",
            str(lineage.tasks["training"]),
            f"{lineage.scores['new'].f1:.3f}",
            f"{lineage.scores['base'].f1:.3f}",
            _verdict(lineage),
        )
    return table


def versions_document(published: Iterable[Lineage], live: str, initial: str) -> dict[str, Any]:
    """The same as a document. `live` is null while the initial model serves."""
    return {
        "live": None if live == INITIAL else live,
        "initial_model": initial,
        "versions": [
            {
                "version": lineage.version,
                "published": lineage.created.isoformat(),
                "tasks": lineage.tasks["training"],
                "f1": lineage.scores["new"].f1,
                "base_f1": lineage.scores["base"].f1,
                "verdict": _verdict(lineage),
            }
            for lineage in published
        ],
    }


def _verdict(lineage: Lineage) -> str:
    return lineage.verdict.decision if lineage.verdict else "better" if lineage.better else "held"


def calibration(calibrated: Calibrated) -> Table:
    """By label: on how many spans it was fitted, its threshold, and what two of the network's scores mean."""
    fitted = calibrated.calibration
    decisive = fitted.decision(None)
    table = Table("label", "annotated spans", "threshold", "a score of 0.5 means", "a score of 0.9 means")
    table.caption = escape(calibrated.why)
    for label in [*sorted(calibrated.support), OTHERS]:
        means = (f"{fitted.probability(label, score):.2f}" for score in (0.5, 0.9))
        threshold = decisive.of_labels.get(label, decisive.of_all)
        table.add_row(escape(label), f"{calibrated.support.get(label, 0)}", f"{threshold:.2f}", *means)
    return table


def projects(known: Iterable[Project], threshold: float | None) -> Table:
    """The known projects. `threshold` is that of the release, for projects without one of their own."""
    table = Table("project", "runs", "threshold", "last seen (UTC)", "warning")
    for project in known:
        own = project.threshold or threshold or "as the version"
        runs = "leave it out" if project.left_out else "learn from it"
        table.add_row(str(project.id), runs, f"{own}", f"{project.seen:%Y-%m-%d %H:%M}", escape(project.warning))
    return table


def projects_document(known: Iterable[Project], threshold: float | None) -> dict[str, Any]:
    """The same as a document. A threshold is null where that of the version counts."""
    return {
        "projects": [
            {
                "project": project.id,
                "learnt_from": not project.left_out,
                "threshold": project.threshold or threshold,
                "last_seen": project.seen.isoformat(),
                "warning": project.warning,
            }
            for project in known
        ]
    }
