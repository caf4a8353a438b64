"""The report of a version as one HTML file. The same sources give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from service.labelstudio.client import task_address
from service.versions.lineage import Calibrated
from service.versions.verdict import BASE, CHAMPION, NEW, Quality
from training.judge.bootstrap import Difference
from training.judge.verdict import MOST_TOLD
from training.report import charts, confusion
from training.report.flips import Flip, flips
from training.report.sources import Place, Sources

MOST_FLIPS = 50
"""Gains, and as many losses, that are listed; the caption has their number."""

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FIGURES = {"micro": "all spans", "macro": "mean of labels", "partial": "partial overlap"}
"""The figures of a verdict that are of no single label, in words."""


class OfLabel(NamedTuple):
    """The scores of one label on the documents that two models are compared on."""

    label: str
    new: Quality | None
    """None if the label is neither annotated nor found."""
    old: Quality | None
    difference: Difference | None
    """None without annotated spans."""


class Threshold(NamedTuple):
    """What the calibration makes of one label."""

    label: str
    support: int
    threshold: float | None
    """None for the default."""


def render(sources: Sources) -> str:
    """The report, a whole HTML document without scripts, requests and texts of the user."""
    lineage, verdict = sources.lineage, sources.verdict
    rows = [row for row in confusion.rows(sources.sheet) if row.annotated or row.added]
    context = {
        "lineage": lineage,
        "verdict": verdict,
        "further": verdict.causes[MOST_TOLD:],
        "called": sources.called,
        "rival": sources.called(sources.rival),
        "models": [NEW, *_others(sources)],
        "differences": {model: _differences(verdict.over[model].differences) for model in _others(sources)},
        "labels": _labels(sources),
        "rows": rows,
        "listed": [(title, len(some), _listed(some, sources)) for title, some in _flips(sources)],
        "thresholds": _thresholds(lineage.calibrated) if lineage.calibrated else [],
        "charts": _charts(sources, rows),
    }
    return _TEMPLATES.get_template("report.html").render(context)


def _charts(sources: Sources, rows: list[confusion.Row]) -> dict[str, str]:
    """The charts that there are figures for, by name."""
    lineage = sources.lineage
    bars = [
        charts.Bar(one.label, _f1(one.new), _f1(one.old)) for one in _labels(sources) if one.new and one.new.support
    ]
    drawn = {"intervals": charts.intervals(_intervals(sources))}
    drawn |= {"labels": charts.labels(bars, sources.called(sources.rival))} if bars else {}
    drawn |= {"confusion": charts.confusion(confusion.matrix(rows))} if rows else {}
    drawn |= {"tuning": charts.tuning(sources.trace)} if any(one.loss is not None for one in sources.trace) else {}
    if lineage.calibrated and lineage.calibrated.calibration.offsets:
        drawn["calibration"] = charts.calibration(lineage.calibrated.calibration)
    if lineage.calibrated and lineage.calibrated.reliable_after:
        drawn["reliability"] = charts.reliability(lineage.calibrated)
    if lineage.blend and len(lineage.blend.tried) > 1:
        drawn["blend"] = charts.blend(lineage.blend)
    return drawn


def _others(sources: Sources) -> list[str]:
    """The models that the new version is compared with: the live version, the base model, the newest others."""
    over = sources.verdict.over
    return [model for model in dict.fromkeys((CHAMPION, BASE, *sorted(over, reverse=True))) if model in over]


def _intervals(sources: Sources) -> dict[str, Difference]:
    """How the new version's F1 differs from that of each other model, the live version first.

    The live version is among them though it has read too few of the texts: then the verdict has the difference that is
    expected.
    """
    over = {sources.called(model): sources.verdict.over[model].differences["micro"] for model in _others(sources)}
    live = {} if sources.is_base_live else {sources.called(CHAMPION): sources.verdict.gain}
    return {**live, **over}


def _differences(found: Mapping[str, Difference]) -> list[tuple[str, Difference]]:
    return [(words, found[figure]) for figure, words in _FIGURES.items()]


def _labels(sources: Sources) -> list[OfLabel]:
    """The labels, those with the most annotated spans first."""
    new, old = sources.verdict.compared.labels, sources.verdict.scores[sources.rival].labels
    over = sources.verdict.over[sources.rival].differences
    found = [
        OfLabel(label, new.get(label), old.get(label), over.get(f"label {label}")) for label in sources.sheet.labels
    ]
    return sorted(found, key=lambda one: (-(one.new.support if one.new else 0), one.label))


def _f1(quality: Quality | None) -> float:
    return quality.strict.f1 if quality else 0.0


def _flips(sources: Sources) -> list[tuple[str, list[Flip]]]:
    """What is lost, and what is gained."""
    found = flips(sources.sheet)
    titles = {False: "Lost: the new version is wrong", True: "Gained: the new version is right"}
    return [(title, [flip for flip in found if flip.is_gain is is_gain]) for is_gain, title in titles.items()]


def _listed(found: Sequence[Flip], sources: Sources) -> list[tuple[Place, str, Flip]]:
    """The first flips by their tasks, each with its task and the address of that in Label Studio."""
    placed = sorted(((sources.places[flip.document], flip) for flip in found), key=lambda one: (one[0], one[1].span))
    return [
        (place, task_address(sources.label_studio, place.project, place.task), flip)
        for place, flip in placed[:MOST_FLIPS]
    ]


def _thresholds(found: Calibrated) -> list[Threshold]:
    labels = sorted(found.support, key=lambda label: (-found.support[label], label))
    return [Threshold(label, found.support[label], found.calibration.thresholds.get(label)) for label in labels]
