"""What a version's scores mean: a small file beside the weights that makes probabilities of the network's scores.

The sigmoid of a network is no probability: after tuning it is too sure or not sure enough (Guo et al., On Calibration
of Modern Neural Networks, 2017). The map is Platt's (Probabilistic Outputs for Support Vector Machines, 1999): linear
in the logit, with one slope for all labels and an offset for each, so that it is monotone in the scores of a label.

It is for the labels that the version was tuned on. The scores of other labels are those of the base model, which
tuning leaves about as they were.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from service.model import facts
from service.model.reading import Overlap
from service.model.spans import Span

FORMAT = 1
FILE = "calibration.json"

DEFAULT_THRESHOLD = 0.5
"""The threshold of labels that have none of their own."""

SCORES = (1e-300, 1 - 2**-25)
"""The scores whose logit is finite; the sigmoid of a float32 rounds those beyond the second to 1."""

Probability = Annotated[float, Field(gt=0, lt=1)]


class Thresholds(NamedTuple):
    """The probabilities above which spans are taken."""

    of_all: float
    of_labels: Mapping[str, float]
    """Those of single labels, by their wording."""

    def lowest(self, labels: Sequence[str]) -> float:
        """The lowest threshold of some labels."""
        return min((self.of_labels.get(label, self.of_all) for label in labels), default=self.of_all)

    def keeps_overlaps(self, overlap: Overlap) -> bool:
        """Whether a candidate may be taken though a better one overlaps it: beside it, or as that one's label has a
        higher threshold."""
        return overlap != "flat" or bool(self.of_labels)


class Calibration(BaseModel):
    """The map from a network's scores to probabilities, and the thresholds of the probabilities, by label.

    Labels are the wordings that the model is asked with. The probability of a label without an offset is its score.
    """

    model_config = ConfigDict(frozen=True)

    format: int = FORMAT
    slope: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """What the logit of a score is multiplied by."""
    offsets: Mapping[str, FiniteFloat] = {}
    """What is then added to it."""
    thresholds: Mapping[str, Probability] = {}

    @property
    def changes(self) -> dict[str, Any]:
        """What makes other scores or spans than the network's own scores and the default threshold, by field."""
        return self.model_dump(exclude_defaults=True, exclude={"format"})

    def probability(self, label: str, score: float) -> float:
        """The probability that a span with this score of the network is right."""
        offset = self.offsets.get(label)
        return score if offset is None else sigmoid(self.slope * logit(score) + offset)

    def score(self, label: str, probability: float) -> float:
        """The network's score that has this probability."""
        offset = self.offsets.get(label)
        return probability if offset is None else sigmoid((logit(probability) - offset) / self.slope)

    def applied(self, spans: Iterable[Span]) -> list[Span]:
        """The spans with probabilities in place of the network's scores."""
        if not self.offsets:
            return list(spans)
        return [Span(s.start, s.end, s.label, self.probability(s.label, s.score)) for s in spans]

    def reorders(self, labels: Sequence[str]) -> bool:
        """Whether the better one of two spans by probability may be the worse one by score, since labels differ."""
        return len({self.offsets.get(label) for label in labels}) > 1

    def lowest_score(self, labels: Sequence[str], threshold: float) -> float:
        """The network's score that a span of any of these labels must have, so that its probability is `threshold`."""
        return min((self.score(label, threshold) for label in labels), default=threshold)

    def decision(self, threshold: float | None, thresholds: Mapping[str, float] | None = None) -> Thresholds:
        """The thresholds that decide where these are asked for: without one for all labels those of the version decide,
        but for labels in `thresholds`.
        """
        own = thresholds or {}
        if threshold is not None:
            return Thresholds(threshold, own)
        return Thresholds(DEFAULT_THRESHOLD, {**self.thresholds, **own})


def read(folder: Path) -> Calibration:
    """The calibration in a model's directory; one that changes nothing for a model that has none.

    Raises FactsError for a file of a newer format or a file that cannot be read.
    """
    return facts.read(folder / FILE, Calibration, FORMAT)


def write(folder: Path, calibration: Calibration) -> None:
    """Write the calibration into a model's directory; no file for one that changes nothing."""
    (folder / FILE).unlink(missing_ok=True)
    if calibration.changes:
        (folder / FILE).write_text(calibration.model_dump_json(indent=1), encoding="utf-8")


def logit(probability: float) -> float:
    """The logit of a probability, which is brought within SCORES."""
    within = min(max(probability, SCORES[0]), SCORES[1])
    return math.log(within / (1 - within))


def sigmoid(logit: float) -> float:
    """The probability of a logit of any size, within SCORES."""
    if logit >= 0:
        return min(1 / (1 + math.exp(-logit)), SCORES[1])
    return max(math.exp(logit) / (1 + math.exp(logit)), SCORES[0])
