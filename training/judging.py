"""The judgement of one run: the base model, the new version and the champion on the held-out documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from service.model.model import Model
from service.versions.history import INITIAL
from service.versions.lineage import Score
from service.versions.names import version_of
from training.dataset import Document
from training.judge import Verdict, score, verdict
from training.progress import Reporter
from training.shelf import Shelf


class Judging:
    """Scores models by name, and compares the new version with the champion. `load` loads a published version."""

    def __init__(
        self,
        held_out: Sequence[Document],
        threshold: float,
        shelf: Shelf,
        load: Callable[[str], Model],
        reporter: Reporter,
    ) -> None:
        self.scores: dict[str, Score] = {}
        """By model: base, new, champion."""
        self._held_out = held_out
        self._threshold = threshold
        self._shelf = shelf
        self._load = load
        self._reporter = reporter

    def score(self, name: str, model: Model) -> None:
        """Score a model on the held-out documents."""
        self.scores[name] = score(model, self._held_out, self._threshold)

    def judge(self) -> tuple[str, Verdict]:
        """Score the live version, which is the champion, and compare the new version with it.

        Returns the champion's version or reference, and the verdict.
        """
        champion = self._shelf.champion()
        if champion == INITIAL:
            self.scores["champion"] = self.scores["base"]
        else:
            self._reporter.within(0.5, f"scoring the champion {version_of(champion)}")
            self.score("champion", self._load(champion))
        judged = verdict(self.scores["champion"], self.scores["new"])
        self._reporter.record(scores=dict(self.scores), champion=champion)
        return champion, judged
