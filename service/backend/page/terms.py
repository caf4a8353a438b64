"""The words of the page for phases, outcomes and verdicts."""

from __future__ import annotations

from typing import Literal, NamedTuple

from service.runs.run import Phase, Run
from service.versions.judgement import Decision
from service.versions.lineage import Lineage

Tone = Literal["good", "bad", "plain"]
"""How a word is coloured. The word says the same."""

PHASES: dict[Phase, str] = {
    "waiting": "waiting",
    "export": "preparing",
    "dataset": "preparing",
    "replay": "guarding what it knows",
    "tune": "learning",
    "judge": "testing",
    "publish": "saving",
    "rollout": "going live",
    "curve": "measuring what more tasks would bring",
    "done": "done",
}
DECISIONS = {
    Decision.PROMOTE: "better",
    Decision.HOLD: "no clear difference",
    Decision.REJECT: "held back",
}


class Word(NamedTuple):
    """What became of a run, and whether that is good."""

    text: str
    tone: Tone


def phase(run: Run) -> str:
    """The phase of a run, with the name that the log and the metrics have where it differs."""
    word = PHASES[run.phase]
    return word if word == run.phase else f"{word} ({run.phase})"


def outcome(run: Run, lineage: Lineage | None, live: str | None) -> Word:
    """How a run ended. `lineage` is its version's, if that is still published."""
    if run.outcome == "failed":
        return Word("failed", "bad")
    if run.outcome == "cancelled":
        return Word("cancelled", "plain")
    if run.outcome == "nothing new":
        return Word("nothing new", "plain")
    if run.outcome == "promoted":
        return Word("now live", "good") if run.version == live else Word("was live", "plain")
    if lineage and lineage.verdict and lineage.verdict.decision is Decision.HOLD:
        return Word(DECISIONS[Decision.HOLD], "plain")
    return Word("held back", "bad")


def verdict(lineage: Lineage) -> str:
    """What the verdict on a version came to when it was published; older versions were held or not."""
    if lineage.verdict:
        return DECISIONS[lineage.verdict.decision]
    return "better" if lineage.better else "held back"


def of_100(share: float) -> str:
    """A share as people count: 0.59 is 59 of 100."""
    return f"{100 * share:.0f} of 100"


def signed(change: float) -> str:
    """A change of F1 with its sign; one that rounds to zero has none."""
    rounded = round(change, 2)
    return f"{rounded:+.2f}" if rounded else "0.00"


def duration(seconds: float) -> str:
    """Seconds as hours and minutes."""
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min" if minutes else "less than a minute"
