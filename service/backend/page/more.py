"""Three small questions: would more labels help, what to label next, what has flipped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from service.backend.page.labels import FEWEST_SPANS, Label
from service.runs.curve import LearningCurve
from service.runs.run import Run
from service.versions.verdict import Flipped

if TYPE_CHECKING:
    from service.backend.supervisor import Supervisor


class Flips(NamedTuple):
    """What the newest version has right or wrong where the version before it was the other way round."""

    version: str
    fixed: int
    broken: int
    labels: list[tuple[str, Flipped]]
    has_report: bool


class More(NamedTuple):
    """The facts of the three cards."""

    curve: LearningCurve | None
    plot: dict[str, Any] | None
    """What is drawn of the curve: columns of the same length, `tasks` ascending."""
    weakest: list[str]
    """The labels that need annotations most, the neediest first."""
    address: str
    """Label Studio's address; empty where it is not set."""
    flips: Flips | None


def more(supervisor: Supervisor, runs: Sequence[Run], labels: Sequence[Label]) -> More:
    """What is known for the three cards; `runs` has the newest first."""
    curve = curve_of(runs)
    needy = sorted((one for one in labels if one.f1 < 0.8 or one.support < FEWEST_SPANS), key=lambda one: one.f1)
    return More(
        curve=curve,
        plot=_plot(curve) if curve and len(curve.points) > 1 else None,
        weakest=[one.name for one in needy[:3]],
        address=supervisor.studio.url,
        flips=_flips(supervisor),
    )


def curve_of(runs: Sequence[Run]) -> LearningCurve | None:
    """The newest learning curve; None if no kept run has one."""
    return next((run.curve for run in runs if run.curve), None)


def _plot(curve: LearningCurve) -> dict[str, Any]:
    last = curve.points[-1]
    ahead = sorted(curve.gains.items())
    return {
        "tasks": [*(point.tasks for point in curve.points), *(last.tasks + number for number, _ in ahead)],
        "measured": [*(point.f1 for point in curve.points), *(None for _ in ahead)],
        "expected": [*(None for _ in curve.points[1:]), last.f1, *(last.f1 + gain.expected for _, gain in ahead)],
        "low": [*(None for _ in curve.points[1:]), last.f1, *(last.f1 + gain.low for _, gain in ahead)],
        "high": [*(None for _ in curve.points[1:]), last.f1, *(last.f1 + gain.high for _, gain in ahead)],
    }


def _flips(supervisor: Supervisor) -> Flips | None:
    """Those of the newest version; None where its verdict does not have them."""
    newest = next(iter(supervisor.published), None)
    verdict = supervisor.verdicts.of(newest.version) if newest else None
    if newest is None or verdict is None or verdict.flips is None:
        return None
    labels = sorted(verdict.flips.items(), key=lambda one: -(one[1].fixed + one[1].broken))
    fixed, broken = (sum(getattr(one, kind) for _, one in labels) for kind in ("fixed", "broken"))
    return Flips(newest.version, fixed, broken, labels, newest.report)
