"""The judgement of one run: the base model, the new version and the champion, on documents that they have not learnt
from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from service.model.errors import ModelError
from service.model.model import Model
from service.versions.lineage import Forgetting, FormatError, Lineage, Score
from service.versions.oci.errors import RegistryError
from service.versions.signature import SignatureRefused
from service.versions.store import UnknownVersion
from service.versions.verdict import BASE, CHAMPION, NEW
from training import guard
from training.course import Course
from training.dataset import Document, characters
from training.folds import CrossValidated
from training.guard import Guard
from training.judge.evidence import Expected, Facts
from training.judge.prediction import Prediction, predict
from training.judge.rules import Rules
from training.judge.scores import Tally, annotated, count, tally, total
from training.judge.sheet import Judged, Sheet, Spans
from training.judge.verdict import Verdict, judge
from training.rivals import Champion, Version
from training.split import FEWEST_JUDGED, Split, mark, question, spans, unseen

log = logging.getLogger(__name__)

HELD_OUT = "the held-out tasks"
EXPECTED = (
    "the live version has learnt from too many of them, so it counts as far above its base model as its own run "
    "measured"
)


class Judging:
    """Scores models by name, and judges the new version against the champion, the live version.

    Where documents are held out, they judge. Otherwise all documents judge, by what models found in them that had not
    learnt from them (see `folds`). A champion judges by documents that it has not learnt from, too: a version that
    learnt from few documents has learnt from some that are held out by now. Which ones, its lineage says. So there are
    two ways:

    - The documents that the champion has not learnt from have at least FEWEST_JUDGED annotated spans, or all that there
      are. Then both are compared on these. In a cross-validation this is hardest on the new version, since its models
      have learnt from four fifths of what it has.
    - They have fewer. Then the champion is taken to be as far above the base model as it was on the documents of its
      own run, by scores that are as honest: held out or out of fold. This does not favour either. The two differences
      are of different documents, so the interval has the chance of both.

    The other versions are scored on the same documents in the same way. They decide nothing.
    """

    def __init__(
        self,
        parts: Split,
        threshold: float | None,
        base: str,
        course: Course,
        rules: Rules,
        others: Sequence[Version] = (),
    ) -> None:
        """`base` is the name of the base model's version."""
        self.scores: dict[str, Score] = {}
        """By model: base, new, champion. Those of base and new are on all documents that judge."""
        self.tallies: dict[str, list[Tally]] = {}
        """Of base and new: the counts of each document that judges."""
        self.forgetting: Forgetting | None = None
        """None before `new`, and where the base model finds nothing in the guard sentences."""
        self.sheet = Sheet((), (), {})
        """What the last verdict was made from."""
        self._parts = parts
        self._threshold = threshold
        self._name = base
        self._course = course
        self._rules = rules
        self._others = others
        self._answers: dict[str, dict[int, Spans]] = {}
        """By model: the spans found, by the document's id. Versions have their own names here."""
        self._unread: dict[str, str] = {}
        """Why other versions were not scored."""

    def base(self, model: Model) -> None:
        """Score the base model. Call this before it is tuned in place."""
        self._count(BASE, self._predict("the base model", model, self._parts.judged, 0.5, 1.0))

    @property
    def characters(self) -> int:
        """How much models read after the tuning, to judge: the new version, the champion if there is one, and
        others."""
        judged = (1 + len(self._others)) * characters(self._parts.judged)
        return characters(self._parts.held_out) + guard.size() + judged

    def new(self, model: Model, cross_validated: CrossValidated, remembered: Guard) -> None:
        """Score the new version, and measure what it has forgotten of what the base model knows.

        `cross_validated` is what was found in the documents where none is held out, and `remembered` what the base
        model finds in the guard sentences.
        """
        found = (
            cross_validated.answers(model, self._threshold)
            if self._parts.folds
            else self._predict("the new version", model, self._parts.held_out, 0.0, 0.4)
        )
        self._count(NEW, found)
        told = self._course.reading("measuring what the new version has forgotten", guard.size(), 0.4, 0.5)
        self.forgetting = remembered.measure(model, told)

    def judge(self, champion: Champion) -> Verdict:
        """Judge the new version against the champion."""
        live = champion.version
        expected = self._score_champion(live)
        had = _had(live) if live and expected is None else None  # its files are at hand until others are fetched
        self._read_others(live)
        self.sheet = self._sheet(live if expected is None else None, had)
        verdict = judge(self.sheet, self._facts(live, expected, champion.tries), self._rules)
        guard = {"guard": self.forgetting.score} if self.forgetting else {}
        self._course.reporter.record(scores={**self.scores, **guard}, champion=champion.name)
        return verdict

    def _predict(
        self, name: str, model: Model, documents: Sequence[Document], begin: float, end: float
    ) -> list[Prediction]:
        """What a model finds, which takes the phase from the share `begin` to `end`."""
        with self._course.scoring(f"scoring {name} on the tasks that judge", documents, begin, end) as told:
            return list(predict(model, documents, self._threshold, told))

    def _count(self, name: str, found: Sequence[Prediction]) -> None:
        self.tallies[name] = [tally(one) for one in found]
        self.scores[name] = self._on(total(self.tallies[name]))
        self._answers[name] = _answers(found)

    def _read_others(self, champion: Version | None) -> None:
        """Score the other versions that have not been scored yet."""
        for place, other in enumerate(self._others):
            if champion is None or other.lineage.version != champion.lineage.version:
                begin, share = 0.75, 0.25 / len(self._others)
                self._read_other(other, begin + place * share, begin + (place + 1) * share)

    def _read_other(self, other: Version, begin: float, end: float) -> None:
        """Score a version, or note why not: no verdict waits for it."""
        try:
            if not self._read(other, begin, end):
                self._unread[other.lineage.version] = "it has learnt from too many of the texts"
        except (UnknownVersion, FormatError, SignatureRefused, ModelError, RegistryError, OSError, ValueError) as error:
            log.warning("version %s is not scored, because it cannot be loaded: %s", other.lineage.version, error)
            self._unread[other.lineage.version] = f"it cannot be loaded: {type(error).__name__}"

    def _read(self, version: Version, begin: float, end: float) -> bool:
        """Read the documents that a version has not learnt from, and take what its folds have found in the others.
        Returns False if these documents are too few to judge by."""
        name, judged = version.lineage.version, self._parts.judged
        if name in self._answers:
            return True
        fresh, kept = unseen(version.lineage, judged), self._kept(version)
        if spans(fresh) + spans(one for one in judged if id(one) in kept) < min(FEWEST_JUDGED, spans(judged)):
            return False
        found = self._predict(f"version {name}", version.load(), fresh, begin, end) if fresh else []
        self._answers[name] = kept | _answers(found)
        return True

    def _kept(self, version: Version) -> dict[int, Spans]:
        """What the folds of a version found in documents that it has learnt from, by the document's id."""
        sheet = version.sheet() if version.lineage.learnt else None
        if sheet is None:
            return {}
        known = dict(zip((one.question for one in sheet.documents), sheet.found(NEW), strict=True))
        fresh = {id(one) for one in unseen(version.lineage, self._parts.judged)}
        asked = {id(one): question(one, self._threshold) for one in self._parts.judged if id(one) not in fresh}
        return {document: known[one] for document, one in asked.items() if one in known}

    def _score_champion(self, champion: Version | None) -> Expected | None:
        """Score the champion. If it has learnt from too many of the documents, say what it can be expected to score."""
        if champion is None:
            self.scores[CHAMPION] = self.scores[BASE]
            return None
        if not self._read(champion, 0.5, 0.75):
            self.scores[CHAMPION] = self._expected(champion.lineage)
            return self._expectation(champion.lineage)
        answers = self._answers[champion.lineage.version]
        found = [(document, answers[id(document)]) for document in self._parts.judged if id(document) in answers]
        self.scores[CHAMPION] = self._on(total(count(annotated(document), of) for document, of in found))
        return None

    def _expected(self, champion: Lineage) -> Score:
        """The champion's score as its own run measured it, moved by what the base model's differs from then to now.

        With another base model it is taken as it is.
        """
        then = champion.scores
        moved = self.scores[BASE].f1 - then["base"].f1 if champion.base == self._name else 0.0
        return then["new"].model_copy(update={"f1": round(min(max(then["new"].f1 + moved, 0.0), 1.0), 6)})

    def _expectation(self, champion: Lineage) -> Expected:
        deviation = champion.verdict.deviation if champion.verdict else None
        return Expected(self.scores[CHAMPION].f1, deviation)

    def _sheet(self, champion: Version | None, had: Callable[[Document], bool] | None) -> Sheet:
        """What is known of the documents that judge. With a champion that has read them, `had` says whether its run had
        an annotation."""
        judged = self._parts.judged
        named = {CHAMPION: champion.lineage.version} if champion else {}
        others = {other.lineage.version for other in self._others} & set(self._answers) - set(named.values())
        models = {BASE: BASE, NEW: NEW, **named, **{other: other for other in sorted(others)}}
        documents = (
            Judged(
                mark=mark(one.text),
                annotated=annotated(one),
                earlier=had is not None and had(one),
                question=question(one, self._threshold),
            )
            for one in judged
        )
        return Sheet(
            tuple(sorted({label for document in judged for label in document.labels})),
            tuple(documents),
            {model: tuple(self._answers[key].get(id(one)) for one in judged) for model, key in models.items()},
        )

    def _facts(self, champion: Version | None, expected: Expected | None, tries: int) -> Facts:
        live = {CHAMPION: champion.lineage.version} if champion else {}
        told = self._told(None if expected else champion) + (f" ({EXPECTED})" if expected else "")
        return Facts(
            on="out_of_fold" if self._parts.folds else "held_out",
            told=told,
            versions={BASE: self._name, **live},
            tries=tries,
            forgotten=self.forgetting.expected if self.forgetting else None,
            expected=expected,
            unread=dict(self._unread),
            supports=self._supports(champion.lineage) if champion else {},
        )

    def _supports(self, champion: Lineage) -> dict[str, float]:
        """The annotated spans of each label that the champion's run lets one expect among the documents that judge;
        none where it had other projects."""
        then = champion.scores["new"]
        if not then.texts or not {document.project for document in self._parts.judged} >= set(champion.projects):
            return {}
        share = len(self._parts.judged) / then.texts
        return {label: round(share * support, 6) for label, support in then.support.items()}

    def _told(self, champion: Version | None) -> str:
        """What the new version and the champion, if it was read, are compared on, in words."""
        judged = self._parts.judged
        read = len(self._answers[champion.lineage.version]) if champion else len(judged)
        by_folds = self._parts.folds or (champion and read > len(unseen(champion.lineage, judged)))
        some = read < len(judged)
        held_out = f"the {read} held-out texts" if some else HELD_OUT
        which = f"{read} texts" if self._parts.folds else held_out
        which += " that the live version can be judged by" if some else ""
        return which + (", each read by a model that has not learnt from it" if by_folds else "")

    def _on(self, found: Score) -> Score:
        return found.model_copy(update={"on": "out_of_fold" if self._parts.folds else "held_out"})


def _had(champion: Version) -> Callable[[Document], bool]:
    """Says whether the champion's run had a document's annotation, with the spans that it has now."""
    ids, sheet = set(champion.lineage.annotations), champion.sheet()
    judged = {(one.mark, one.annotated) for one in sheet.documents} if sheet else set()
    marks = {mark for mark, _ in judged}

    def had(document: Document) -> bool:
        same = mark(document.text) not in marks or (mark(document.text), annotated(document)) in judged
        return document.annotation in ids and same

    return had


def _answers(found: Sequence[Prediction]) -> dict[int, Spans]:
    """The spans that are found, by the document's id."""
    return {id(one.document): tuple(span[:3] for span in one.extraction.spans) for one in found}
