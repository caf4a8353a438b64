"""The judgement of one run: the base model, the new version and the champion, on documents that they have not learnt
from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from service.model.model import Model
from service.versions.lineage import Forgetting, Lineage, Score
from training import guard
from training.course import Course
from training.dataset import Document, characters
from training.folds import Evidence
from training.guard import Guard
from training.judge import HELD_OUT, Prediction, Tally, Verdict, predict, tally, total, verdict
from training.split import FEWEST_JUDGED, Split, spans, unseen


class Champion(NamedTuple):
    """The live version, if that is no base model: its lineage, and how its model is loaded."""

    lineage: Lineage
    load: Callable[[], Model]


class Judging:
    """Scores models by name, and compares the new version with the champion.

    Where documents are held out, they judge. Otherwise all documents judge, by what models found in them that had not
    learnt from them (see `folds`). A champion judges by documents that it has not learnt from, too: a version that
    learnt from few documents has learnt from some that are held out by now. Which ones, its lineage says. So there are
    two ways:

    - The documents that the champion has not learnt from have at least FEWEST_JUDGED annotated spans, or all that there
      are. Then both are scored on these. In a cross-validation this is hardest on the new version, since its models
      have learnt from four fifths of what it has.
    - They have fewer. Then the champion is taken to be as far above the base model as it was on the documents of its
      own run, by scores that are as honest: held out or out of fold. This does not favour either, but the two
      differences are of different documents, so small ones are chance.
    """

    def __init__(self, parts: Split, threshold: float | None, base: str, course: Course) -> None:
        """`base` is the name of the base model's version."""
        self.scores: dict[str, Score] = {}
        """By model: base, new, champion. Those of base and new are on all documents that judge."""
        self.tallies: dict[str, list[Tally]] = {}
        """Of base and new: the counts of each document that judges; in the same order where documents are held out."""
        self.forgetting: Forgetting | None = None
        """None before `new`, and where the base model finds nothing in the guard sentences."""
        self._parts = parts
        self._threshold = threshold
        self._name = base
        self._course = course
        self._found: list[Prediction] = []

    def base(self, model: Model) -> None:
        """Score the base model. Call this before it is tuned in place."""
        self._count("base", self._predict("the base model", model, self._parts.judged, 0.5, 1.0))

    @property
    def characters(self) -> int:
        """How much models read after the tuning, to judge: the new version, and the champion if there is one."""
        return characters(self._parts.held_out) + guard.size() + characters(self._parts.judged)

    def new(self, model: Model, evidence: Evidence, remembered: Guard) -> None:
        """Score the new version, and measure what it has forgotten of what the base model knows.

        `evidence` is what was found in the documents where none is held out, and `remembered` what the base model finds
        in the guard sentences.
        """
        self._found = (
            evidence.answers(model, self._threshold)
            if self._parts.folds
            else self._predict("the new version", model, self._parts.held_out, 0.0, 0.4)
        )
        self._count("new", self._found)
        told = self._course.reading("measuring what the new version has forgotten", guard.size(), 0.4, 0.5)
        self.forgetting = remembered.measure(model, told)

    def _predict(
        self, name: str, model: Model, documents: Sequence[Document], begin: float, end: float
    ) -> list[Prediction]:
        """What a model finds, which takes the phase from the share `begin` to `end`."""
        with self._course.scoring(f"scoring {name} on the tasks that judge", documents, begin, end) as told:
            return list(predict(model, documents, self._threshold, told))

    def _count(self, name: str, found: Sequence[Prediction]) -> None:
        self.tallies[name] = [tally(one) for one in found]
        self.scores[name] = self._on(total(self.tallies[name]))

    def judge(self, name: str, champion: Champion | None) -> Verdict:
        """Compare the new version with the champion of this name or reference; None: the base model is live."""
        judged = self._against(champion) if champion else self._against_base()
        guard = {"guard": self.forgetting.score} if self.forgetting else {}
        self._course.reporter.record(scores={**self.scores, **guard}, champion=name)
        return judged

    def _against_base(self) -> Verdict:
        self.scores["champion"] = self.scores["base"]
        return verdict(self.scores["base"], self.scores["new"], self._told(self._parts.judged))

    def _against(self, champion: Champion) -> Verdict:
        fresh = unseen(champion.lineage, self._parts.judged)
        if spans(fresh) < min(FEWEST_JUDGED, spans(self._parts.judged)):
            self.scores["champion"] = self._expected(champion.lineage)
            on = (
                f"{self._told(self._parts.judged)} (the live version has learnt from too many of them, so it counts as "
                "far above its base model as its own run measured)"
            )
            return verdict(self.scores["champion"], self.scores["new"], on)
        name = f"the champion {champion.lineage.version}"
        found = self._predict(name, champion.load(), fresh, 0.5, 1.0)
        self.scores["champion"] = self._on(total(map(tally, found)))
        kept = {id(document) for document in fresh}
        new = total(tally(one) for one in self._found if id(one.document) in kept)
        return verdict(self.scores["champion"], new, self._told(fresh))

    def _expected(self, champion: Lineage) -> Score:
        """The champion's score as its own run measured it, moved by what the base model's differs from then to now.

        With another base model it is taken as it is.
        """
        then = champion.scores
        moved = self.scores["base"].f1 - then["base"].f1 if champion.base == self._name else 0.0
        return then["new"].model_copy(update={"f1": round(min(max(then["new"].f1 + moved, 0.0), 1.0), 6)})

    def _told(self, documents: Sequence[Document]) -> str:
        """What two models are compared on, in words."""
        some = len(documents) < len(self._parts.judged)
        if self._parts.folds:
            which = " that the live version has not learnt from" if some else ""
            return f"{len(documents)} texts{which}, each read by a model that has not learnt from it"
        return f"the {len(documents)} held-out texts that the live version has not learnt from" if some else HELD_OUT

    def _on(self, found: Score) -> Score:
        return found.model_copy(update={"on": "out_of_fold" if self._parts.folds else "held_out"})
