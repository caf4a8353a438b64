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
    """The measured points, and the expected ones from the last of them on: today's, and those with more tasks."""
    last, measured = curve.points[-1], curve.points
    tasks, now = curve.annotated or last.tasks, last.f1 if curve.now is None else curve.now
    today = [(tasks, now, now, now)] if tasks > last.tasks else []
    ahead = [
        (tasks + number, now + gain.expected, now + gain.low, now + gain.high)
        for number, gain in sorted(curve.gains.items())
    ]
    expected = [(last.tasks, last.f1, last.f1, last.f1), *today, *ahead]
    columns = {
        name: [None] * (len(measured) - 1) + [of[place] for of in expected]
        for place, name in enumerate(("expected", "low", "high"), 1)
    }
    return {
        "tasks": [*(point.tasks for point in measured), *(of[0] for of in expected[1:])],
        "measured": [*(point.f1 for point in measured), *(None for _ in expected[1:])],
        **columns,
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
