"""The judgement of one run: the base model, the new version and the champion on the held-out documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from service.model.model import Model
from service.versions.history import INITIAL
from service.versions.lineage import Forgetting, Score
from service.versions.names import version_of
from training.dataset import Document
from training.guard import Guard
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
        self.guard: Guard | None = None
        """What the base model finds in the guard sentences; None before `base`."""
        self.forgetting: Forgetting | None = None
        """None before `new`, and where the base model finds nothing in the guard sentences."""
        self._held_out = held_out
        self._threshold = threshold
        self._shelf = shelf
        self._load = load
        self._reporter = reporter

    def base(self, model: Model) -> None:
        """Score the base model. Call this before it is tuned in place."""
        self.scores["base"] = self._score(model)
        self.guard = Guard.of(model, self._threshold)

    def new(self, model: Model) -> None:
        """Score the new version, and measure what it has forgotten of what the base model knows."""
        assert self.guard is not None, "base() comes first"  # noqa: S101
        self.scores["new"] = self._score(model)
        self.forgetting = self.guard.measure(model)

    def judge(self) -> tuple[str, Verdict]:
        """Score the live version, which is the champion, and compare the new version with it.

        Returns the champion's version or reference, and the verdict.
        """
        champion = self._shelf.champion()
        if champion == INITIAL:
            self.scores["champion"] = self.scores["base"]
        else:
            self._reporter.within(0.5, f"scoring the champion {version_of(champion)}")
            self.scores["champion"] = self._score(self._load(champion))
        judged = verdict(self.scores["champion"], self.scores["new"])
        guard = {"guard": self.forgetting.score} if self.forgetting else {}
        self._reporter.record(scores={**self.scores, **guard}, champion=champion)
        return champion, judged

    def _score(self, model: Model) -> Score:
        return score(model, self._held_out, self._threshold)
