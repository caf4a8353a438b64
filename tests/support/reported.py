"""What a report is made from, of a version that was judged on a sheet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from service.model.calibration import Calibration
from service.versions.lineage import Blend, Calibrated, Lineage, Reliability, Score, Tried
from tests.support.sheets import gold, knowing, sheet
from training.judge.evidence import Facts
from training.judge.rules import Rules
from training.judge.sheet import Sheet
from training.judge.verdict import Verdict, judge
from training.report.sources import Place, Sources
from training.trace import Point

LIVE = "20260101-000000-aaaaaa"


def judged(texts: int = 120, live: float = 0.5, new: float = 0.8) -> Sheet:
    """Texts of which the live and the new version know these shares of the spans."""
    wanted = gold(texts)
    found = {"base": knowing(wanted, 0.2, 1), "champion": knowing(wanted, live, 2), "new": knowing(wanted, new, 3)}
    return sheet(wanted, **found)


def sources(of: Sheet, facts: Facts | None = None, **overrides: Any) -> Sources:
    """What is known of a version whose run has this sheet. The tasks are 1000 and up, in project 7."""
    versions = {"base": "tiny-123456", **({"champion": LIVE} if "champion" in of.answers else {})}
    known = facts or Facts(on="held_out", told="the held-out tasks", versions=versions, tries=1)
    verdict = judge(of, known, Rules())
    return Sources(
        lineage=_lineage(of, verdict, known, overrides),
        verdict=verdict,
        sheet=of,
        places=[Place(7, 1000 + number) for number in range(len(of.documents))],
        trace=[Point(step, 3 / step, 0.5 if step > 2 else None) for step in range(1, 6)],
        label_studio="http://label-studio.example.com",
    )


def _lineage(of: Sheet, verdict: Verdict, facts: Facts, overrides: dict[str, Any]) -> Lineage:
    per_label = dict.fromkeys(of.labels, 0.5)
    score = Score(precision=0.5, recall=0.5, f1=0.5, per_label=per_label, support=dict.fromkeys(of.labels, 9))
    made: dict[str, Any] = {
        "version": "20260301-101500-abcdef",
        "created": datetime(2026, 3, 1, 11, 0, tzinfo=UTC),
        "run": "run-0123456789",
        "base": "tiny-123456",
        "projects": (7,),
        "annotations": tuple(range(50)),
        "digest": "ab" * 32,
        "recipe": {"steps": 5},
        "code": "0.1.0+abcdef",
        "tasks": {"training": 30, "validation": 5, "held_out": 15},
        "left_out": {"longer than 12 words": 3},
        "blend": Blend(
            share=1, limit=0.05, tried=tuple(Tried(share=share, f1=0.5, forgotten=0.01) for share in (1, 0.5))
        ),
        "calibrated": Calibrated(
            calibration=Calibration(offsets=dict.fromkeys(of.labels, -0.5), thresholds={of.labels[0]: 0.41}),
            why="The scores of the network were too sure.",
            texts=5,
            candidates=50,
            support=dict.fromkeys(of.labels, 9),
            error_before=0.123,
            error_after=0.045,
            reliable_before=(Reliability(probability=0.21, right=0.05, spans=25),),
            reliable_after=(Reliability(probability=0.07, right=0.05, spans=25),),
            f1_before=0.5,
            f1_after=0.6,
        ),
        "scores": {"base": score, "champion": score, "new": score},
        "champion": facts.versions.get("champion", facts.versions["base"]),
        "better": verdict.better,
        "reason": verdict.reason,
        "verdict": verdict.judgement,
        "report": True,
    }
    return Lineage(**{**made, **overrides})
