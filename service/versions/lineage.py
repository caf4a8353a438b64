"""The lineage of a version: what it was made from and how it scored. Written once, when it is published."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from service.model.calibration import Calibration
from service.model.reading import Overlap
from service.versions.judgement import Judgement

FORMAT = 3
"""Raised when an older release would predict otherwise with a version's files: it refuses a newer format.

1: a model. 2: with a reading. 3: with a calibration, and with the base model for labels that were not learnt.
"""
FILE = "lineage.json"
REPORT_FILE = "report.html"
"""The report of a version, beside its lineage."""


class Score(BaseModel):
    """Strict scores of one model: a span counts only if start, end and label all match."""

    model_config = ConfigDict(frozen=True)

    precision: float
    recall: float
    f1: float
    per_label: dict[str, float]
    """F1 of each label that was annotated or predicted."""
    support: dict[str, int]
    """Number of annotated spans of each label."""
    texts: int = 0
    """Number of texts; 0 in scores from before it was kept."""
    on: Literal["held_out", "out_of_fold", "guard"] = "held_out"
    """What the score is on: tasks held out, all tasks by models that had not learnt them, or the guard sentences, where
    the base model's spans stand for annotated ones."""


class Forgetting(BaseModel):
    """What a version still finds of what its base model finds in general sentences that no version learns from."""

    model_config = ConfigDict(frozen=True)

    score: Score
    """The version's score where the base model's spans count as the right ones."""
    kept: int
    """Spans that both find."""
    lost: int
    """Spans that only the base model finds."""
    added: int
    """Spans that only the version finds."""
    change: float
    """Mean absolute change of the probabilities of the base model's spans, 0 to 1."""
    expected: float = 0.0
    """F1 that is lost on these sentences if the base model's probabilities are true. A span that the base model is not
    sure of counts little. The number is negative if the version finds more of what is probable."""

    def told(self) -> str:
        """The same as a sentence."""
        return (
            f"Of {self.kept + self.lost} spans that the base model finds in general sentences, the version finds "
            f"{self.kept} and {self.added} others. By the base model's probabilities that costs {self.expected:.3f} F1."
        )


class Tried(BaseModel):
    """A share of the way from the base model's weights to the tuned ones, and what it brings and costs."""

    model_config = ConfigDict(frozen=True)

    share: float
    f1: float | None
    """On texts that were not learnt from: the validation texts, or those of the folds; None without any."""
    forgotten: float
    """F1 on the guard sentences that is lost (see `Forgetting.expected`)."""

    def told(self) -> str:
        """The same in a few words."""
        f1 = "" if self.f1 is None else f"F1 {self.f1:.3f}, "
        return f"{self.share:.0%}: {f1}{self.forgotten:.3f} forgotten"


class Blend(BaseModel):
    """How far a version's weights moved from the base model's to the tuned ones."""

    model_config = ConfigDict(frozen=True)

    share: float
    """The share that was chosen: 0 is the base model, 1 the tuned weights."""
    limit: float
    """F1 that a share may lose on the guard sentences."""
    tried: tuple[Tried, ...]

    def told(self) -> str:
        """The choice as a sentence."""
        if all(one.forgotten > self.limit for one in self.tried):
            why = f"where it forgets least: each share that was tried forgets more than {self.limit:g} F1"
        elif self.tried[0].f1 is None:
            why = f"the farthest that forgets at most {self.limit:g} F1"
        else:
            why = f"the best, on texts that it has not learnt from, of what forgets at most {self.limit:g} F1"
        way = f"{self.share:.0%} of the way from the base model to the tuned weights"
        return f"The version moves {way}, {why} ({'; '.join(one.told() for one in self.tried)})."


class Canary(BaseModel):
    """A text with the spans that this version must find in it on every machine."""

    model_config = ConfigDict(frozen=True)

    text: str
    labels: tuple[str, ...]
    threshold: float
    spans: tuple[tuple[int, int, str], ...]
    """Start, end and label of each span."""


class Reliability(BaseModel):
    """Candidates of about the same probability, and how many of them are right."""

    model_config = ConfigDict(frozen=True)

    probability: float
    """The mean of what is said of them, 0 to 1."""
    right: float
    """The share that is right, 0 to 1."""
    spans: int
    """The number of candidates."""


class Calibrated(BaseModel):
    """The calibration of a version, and the texts it was fitted on, read by models that did not learn from them."""

    model_config = ConfigDict(frozen=True)

    calibration: Calibration
    why: str
    """One sentence: why these are the map and the thresholds, or why the version has none."""
    texts: int
    candidates: int
    """Number of spans that the version may answer in these texts, at any threshold."""
    support: dict[str, int]
    """Annotated spans of each label."""
    error_before: float | None = None
    """Expected calibration error of the network's scores over the candidates; None where nothing was fitted."""
    error_after: float | None = None
    """The same of the probabilities, cross-validated: each text by what the other texts tell."""
    reliable_before: tuple[Reliability, ...] = ()
    """What that error is made of: groups of equally many candidates by score; empty where nothing was fitted, and in
    versions from before it was kept."""
    reliable_after: tuple[Reliability, ...] = ()
    """The same by probability, cross-validated."""
    f1_before: float | None = None
    """Strict micro F1 at the default threshold."""
    f1_after: float | None = None
    """The same at the version's thresholds, cross-validated."""


class Lineage(BaseModel):
    """Where a version comes from, what it was tuned on, and how it was judged at its publication."""

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    version: str
    created: datetime
    run: str
    base: str
    projects: tuple[int, ...]
    annotations: tuple[int, ...]
    digest: str
    """SHA-256 of the annotations as they were used, the base model and the recipe. It identifies the version."""
    recipe: dict[str, float | int]
    code: str
    tasks: dict[str, int]
    """Number of tasks by their use: training, validation, held out."""
    learnt: tuple[str, ...] = ()
    """Marks of the texts that a version has learnt from of which none was held out. A version without them has learnt
    from no text that is held out by its hash."""
    excluded_annotators: tuple[int, ...] = ()
    """Users of Label Studio whose annotations were left out because somebody asked for it."""
    excluded_tasks: tuple[int, ...] = ()
    """Tasks that were left out because somebody asked for it."""
    left_out: dict[str, int] = {}
    """Annotated spans that GLiNER cannot represent, or not answer beside others, by reason."""
    overlap: Overlap = "flat"
    """Which spans of a text may share words, where a project does not say."""
    overlap_why: str = ""
    """Why the run chose that; empty for versions from before runs chose."""
    window_words: int | None = None
    """The most words in a window of a long text; None in versions from before it was chosen."""
    window_scores: dict[int, float] = {}
    """F1 on the validation texts by the most words in a window; empty if they were too few or too short to tell."""
    blend: Blend | None = None
    """None in versions from before the share was chosen, and where the base model finds nothing in the guard
    sentences: then the weights are the tuned ones."""
    calibrated: Calibrated | None = None
    """None in versions from before runs calibrated them."""
    scores: dict[str, Score]
    """By model: base, champion, new."""
    forgetting: Forgetting | None = None
    """None in versions from before it was measured, and where the base model finds nothing in the sentences."""
    champion: str
    better: bool
    reason: str
    verdict: Judgement | None = None
    """None in versions from before verdicts had an interval."""
    canaries: tuple[Canary, ...] = ()
    report: bool = False
    """Whether it has a report. False in versions from before there were reports."""

    @property
    def decision(self) -> str:
        """The verdict in one word; older versions were held or not."""
        return self.verdict.decision if self.verdict else "better" if self.better else "held"


class FormatError(RuntimeError):
    """A version was published in a newer format than this program reads."""


def read(folder: Path) -> Lineage:
    """The lineage in a version's model directory. Raises FormatError for a newer format."""
    text = (folder / FILE).read_text(encoding="utf-8")
    written = _Format.model_validate_json(text).format
    if written > FORMAT:
        raise FormatError(
            f"The version in {folder} has format {written}; this Spanloop reads up to {FORMAT}: "
            "upgrade Spanloop to serve it."
        )
    return Lineage.model_validate_json(text)


def write(folder: Path, lineage: Lineage) -> None:
    """Write the lineage into a version's model directory."""
    (folder / FILE).write_text(lineage.model_dump_json(indent=1), encoding="utf-8")


class _Format(BaseModel):
    format: int
