"""The spans that models may answer in texts that they did not learn from, and which of them are right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch

from service.model.calibration import logit

FOLDS = 5
"""Parts of the texts, by which what the others tell is cross-validated."""


class Candidate(NamedTuple):
    """A span that a model may answer, with the network's score."""

    label: str
    score: float
    is_right: bool


class Answered(NamedTuple):
    """What a model that did not learn from a text finds in it."""

    candidates: tuple[Candidate, ...]
    """The spans that may stand beside each other, also those with a low score."""
    annotated: Counter[str]
    """Number of annotated spans by label."""


class Candidates(NamedTuple):
    """The candidates of many texts as arrays, which have one element for each, in the order of the texts.

    The texts are dealt out to the folds in turn.
    """

    labels: tuple[str, ...]
    texts: int
    """Number of texts, also of those without candidates."""
    logits: torch.Tensor
    """The logits of the network's scores, in float64."""
    is_right: torch.Tensor
    label: torch.Tensor
    """The place of each one's label in `labels`."""
    text: torch.Tensor
    """The number of each one's text."""
    annotated: torch.Tensor
    """Number of annotated spans, in float64: [FOLDS, labels]."""

    @classmethod
    def of(cls, texts: Sequence[Answered], labels: Iterable[str]) -> Candidates:
        """The candidates of texts. `labels` are added to those that occur in them."""
        found = [(number, one) for number, text in enumerate(texts) for one in text.candidates]
        of_folds = [_annotated(texts[fold::FOLDS]) for fold in range(FOLDS)]
        names = tuple(sorted({*labels, *(one.label for _, one in found), *(name for of in of_folds for name in of)}))
        place = {name: at for at, name in enumerate(names)}
        return cls(
            names,
            len(texts),
            torch.tensor([logit(one.score) for _, one in found], dtype=torch.float64),
            torch.tensor([one.is_right for _, one in found], dtype=torch.bool),
            torch.tensor([place[one.label] for _, one in found], dtype=torch.long),
            torch.tensor([number for number, _ in found], dtype=torch.long),
            torch.tensor([[of[name] for name in names] for of in of_folds], dtype=torch.float64),
        )

    @property
    def fold(self) -> torch.Tensor:
        """The fold of each candidate's text."""
        return self.text % FOLDS

    @property
    def support(self) -> torch.Tensor:
        """Number of annotated spans of each label."""
        return self.annotated.sum(0)

    def without(self, fold: int) -> Candidates:
        """Those of the other folds."""
        kept = self.fold != fold
        others = self.annotated.clone()
        others[fold] = 0
        return self._replace(
            logits=self.logits[kept],
            is_right=self.is_right[kept],
            label=self.label[kept],
            text=self.text[kept],
            annotated=others,
        )

    def f1(self, is_taken: torch.Tensor) -> torch.Tensor:
        """The strict F1 of each label if these candidates are answered; 0 for one that is not annotated or answered."""
        right, found = self._counts(is_taken)
        return 2 * right / (found + self.support).clamp(min=1)

    def micro_f1(self, is_taken: torch.Tensor) -> float:
        """The same of all labels together."""
        right, found = (counts.sum() for counts in self._counts(is_taken))
        return float(2 * right / (found + self.support.sum()).clamp(min=1))

    def _counts(self, is_taken: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """How many are right and how many are taken, by label."""
        right, found = (
            torch.bincount(self.label[some], minlength=len(self.labels))
            for some in (is_taken & self.is_right, is_taken)
        )
        return right, found


def _annotated(texts: Iterable[Answered]) -> Counter[str]:
    """Number of annotated spans by label."""
    found = Counter[str]()
    for text in texts:
        found.update(text.annotated)
    return found
