from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from msgspec.structs import replace as replace_struct

from service.model.calibration import Calibration
from service.model.learnt import Learnt
from service.model.reading import Reading
from service.model.spans import Extraction, Span, decide
from service.model.told import untold
from service.runs.files import Runs
from service.runs.run import Run
from service.versions.lineage import Score
from service.versions.signature import SignatureRefused
from training import replay
from training.course import Course
from training.dataset import Document, is_held_out
from training.folds import CrossValidated, OutOfFold
from training.guard import Guard
from training.judge.rules import Rules
from training.judge.sheet import Judged, Sheet
from training.judging import Judging
from training.progress import Reporter
from training.rivals import Champion, Version
from training.split import marks, question, split


class Knows:
    """A model that finds the span of every text whose number is below `known`."""

    reading = Reading()
    calibration = Calibration()
    learnt = Learnt(labels=("a",))
    gliner = SimpleNamespace(config=SimpleNamespace(span_mode="markerV0"))

    def __init__(self, known):
        self.known = known

    def candidates(self, questions, threshold, keeps_overlaps, told=untold):
        numbers = [int(text.split()[-1]) for text, _ in questions]
        return [[Span(0, 4, "a", 0.9)] if number < self.known else [] for number in numbers]

    def extract(self, texts, labels, threshold, told):
        found = self.candidates([(text, labels) for text in texts], threshold, False)
        return [decide(spans, threshold) for spans in found]


def documents(count, first=0):
    return [Document(f"text {n}", ("a",), (Span(0, 4, "a", 1.0),), 1, n, n) for n in range(first, first + count)]


@pytest.fixture
def judging(tmp_path, monkeypatch):
    monkeypatch.setattr(replay, "sentences", {"guard": []}.__getitem__)

    def make(count, base, new, others=()):
        parts = split(documents(count), 10)
        reporter = Reporter(Runs(tmp_path), Run(id="run-1", projects=(1,), phase="judge"), bar=False)
        made = Judging(parts, 0.5, "tiny-123456", Course(reporter), Rules(), others)
        made.base(Knows(base))
        model = Knows(new)
        asked = [(d.text, d.labels) for d in parts.judged] if parts.folds else []
        found = zip(parts.judged, model.candidates(asked, 0.5, True), strict=False)  # nothing, where some are held out
        answers = [OutOfFold(document, {1.0: candidates}, "flat", 0) for document, candidates in found]
        made.new(model, CrossValidated(answers), Guard.of(Knows(base), 0.5))
        return made

    return make


def never():
    raise AssertionError("a champion is not scored on what it has learnt from")


def nothing():
    """A version whose run has not kept what its folds found."""


def recall(count, known):
    """The F1 of a model that finds `known` of `count` spans, and nothing else."""
    return pytest.approx(2 * known / (known + count), abs=1e-6)


def test_few_texts_all_judge_by_what_was_found_out_of_fold(judging):
    one = judging(50, base=10, new=20)
    verdict = one.judge(Champion("", None, 1))
    assert verdict.better
    assert (one.scores["base"].f1, one.scores["new"].f1) == (recall(50, 10), recall(50, 20))
    assert {score.on for score in one.scores.values()} == {"out_of_fold"}
    assert verdict.reason.startswith("F1 on 50 texts, each read by a model that has not learnt from it: 0.333 → 0.571")


def test_a_champion_is_scored_on_the_texts_that_it_has_not_learnt_from(judging, lineage):
    one = judging(80, base=0, new=70)
    champion = Version(lineage(learnt=marks(documents(40))), lambda: Knows(60), nothing)
    verdict = one.judge(Champion("v1", champion, 1))
    assert one.scores["champion"].f1 == recall(40, 20), "of the texts 40 to 79 it knows 20"
    assert one.scores["new"].f1 == recall(80, 70)
    assert "F1 on 40 texts that the live version can be judged by, each read" in verdict.reason
    assert "0.667 → 0.857 (" in verdict.reason
    assert "; 40 texts)" in verdict.reason


def test_a_champion_that_has_learnt_from_most_texts_is_not_scored_on_them(judging, lineage):
    """Its own run measured .25 over the base model; so it is taken to be .25 over what the base model has now."""
    version = lineage(learnt=marks(documents(40)))
    one = judging(50, base=10, new=20)
    verdict = one.judge(Champion("v1", Version(version, never, nothing), 1))
    assert one.scores["champion"].f1 == pytest.approx(one.scores["base"].f1 + 0.25, abs=1e-6)
    assert not verdict.better or one.scores["new"].f1 > one.scores["champion"].f1
    assert "has learnt from too many of them" in verdict.reason
    assert verdict.reason.count("0.583 → 0.571") == 1


def test_a_champion_of_another_base_model_counts_as_its_own_run_measured_it(judging, lineage):
    version = lineage(learnt=marks(documents(40)), base="other-654321")
    one = judging(50, base=10, new=20)
    one.judge(Champion("v1", Version(version, never, nothing), 1))
    assert one.scores["champion"].f1 == 0.75


def found_by_folds(count, known, labels=("a",), threshold=0.5):
    """What a run has kept of `count` texts: its models, which had not learnt from them, found the first `known`."""
    some = [replace(document, labels=labels) for document in documents(count)]
    judged = tuple(Judged(marks([one])[0], ((0, 4, "a"),), question=question(one, threshold)) for one in some)
    return Sheet(labels, judged, {"new": tuple(((0, 4, "a"),) if n < known else () for n in range(count))})


def test_what_a_champions_folds_found_stands_for_it_where_it_has_learnt(judging, lineage):
    """So all 50 texts judge: it knows 25 of the 40 that it has learnt from, out of fold, and 5 of the 10 others."""
    one = judging(50, base=10, new=48)
    version = Version(lineage(learnt=marks(documents(40))), lambda: Knows(45), lambda: found_by_folds(40, 25))
    verdict = one.judge(Champion("v1", version, 1))
    assert one.scores["champion"].f1 == recall(50, 30)
    assert verdict.reason.startswith("F1 on 50 texts, each read by a model that has not learnt from it: ")
    assert verdict.better
    assert verdict.texts == 50


def test_a_champion_that_has_learnt_from_all_texts_is_not_loaded_to_be_judged_by_its_folds(judging, lineage):
    one = judging(50, base=10, new=20)
    version = Version(lineage(learnt=marks(documents(50))), never, lambda: found_by_folds(50, 30))
    assert one.judge(Champion("v1", version, 1)).decision == "REJECT"
    assert one.scores["champion"].f1 == recall(50, 30)


@pytest.mark.parametrize("asked", [{"labels": ("a", "b")}, {"threshold": 0.7}])
def test_what_folds_found_when_they_were_asked_for_something_else_does_not_count(judging, lineage, asked):
    one = judging(50, base=10, new=20)
    version = Version(lineage(learnt=marks(documents(50))), never, lambda: found_by_folds(50, 50, **asked))
    assert "has learnt from too many of them" in one.judge(Champion("v1", version, 1)).reason


def test_held_out_texts_judge_a_champion_of_fewer_texts_by_its_folds(judging, lineage):
    one = judging(400, base=0, new=380)
    version = Version(lineage(learnt=marks(documents(300))), lambda: Knows(0), lambda: found_by_folds(300, 100))
    verdict = one.judge(Champion("v1", version, 1))
    held_out = [int(d.text.split()[-1]) for d in documents(400) if is_held_out(d.text)]
    assert one.scores["champion"].f1 == recall(len(held_out), sum(number < 100 for number in held_out))
    assert "F1 on the held-out tasks, each read by a model that has not learnt from it: " in verdict.reason


def test_later_a_champion_of_few_texts_is_not_judged_by_held_out_texts_that_it_has_learnt_from(judging, lineage):
    one = judging(400, base=0, new=300)
    held_out = [int(d.text.split()[-1]) for d in documents(400) if is_held_out(d.text)]
    later = [number for number in held_out if number >= 90]
    verdict = one.judge(Champion("v1", Version(lineage(learnt=marks(documents(90))), lambda: Knows(200), nothing), 1))
    assert one.scores["champion"].f1 == recall(len(later), sum(number < 200 for number in later))
    assert one.scores["new"].f1 == recall(len(held_out), sum(number < 300 for number in held_out))
    assert f"F1 on the {len(later)} held-out texts that the live version can be judged by: " in verdict.reason


def test_versions_that_held_texts_out_are_judged_by_all_of_them(judging, lineage):
    one = judging(400, base=0, new=300)
    verdict = one.judge(Champion("v1", Version(lineage(), lambda: Knows(200), nothing), 1))
    assert verdict.reason.startswith("F1 on the held-out tasks: ")
    assert {score.on for score in one.scores.values()} == {"held_out"}


def test_candidates_are_decided_at_the_threshold_that_is_asked():
    spans = [Span(0, 4, "a", 0.9), Span(2, 6, "a", 0.6), Span(7, 9, "a", 0.1)]
    found = OutOfFold(documents(1)[0], {1.0: spans}, "flat", 0)
    assert found.at(1.0, 0.5, Calibration()).extraction == Extraction((spans[0],), pytest.approx(0.8))
    assert CrossValidated([found]).uncalibrated[0].extraction.spans == (spans[0], spans[2])


def test_an_annotation_that_was_changed_since_the_live_versions_run_counts_as_later(judging, lineage):
    version = lineage(learnt=marks(documents(50)), annotations=tuple(range(50)))
    kept = found_by_folds(50, 30)
    changed = replace_struct(kept.documents[7], annotated=())
    kept = replace_struct(kept, documents=(*kept.documents[:7], changed, *kept.documents[8:]))
    one = judging(60, base=10, new=20)
    one.judge(Champion("v1", Version(version, lambda: Knows(60), lambda: kept), 1))
    later = {*marks(documents(10, first=50)), changed.mark}
    assert {document.mark for document in one.sheet.documents if not document.earlier} == later


def test_other_versions_are_scored_on_the_texts_that_they_have_not_learnt_from(judging, lineage):
    kept = Version(lineage("v2", learnt=marks(documents(40))), lambda: Knows(70), nothing)
    seen = Version(lineage("v3", learnt=marks(documents(79))), never, nothing)
    one = judging(80, base=0, new=70, others=[kept, seen])
    verdict = one.judge(Champion("", None, 1))
    assert set(verdict.scores) == {"base", "new", "v2"}
    assert verdict.scores["v2"].texts == 40
    assert verdict.scores["v2"].micro.strict.f1 == recall(40, 30)
    assert verdict.over["v2"].differences["micro"].value == 0
    assert "learnt from too many" in verdict.unread["v3"]


def test_another_version_that_is_not_to_be_trusted_is_not_scored_and_stops_no_verdict(judging, lineage):
    def refused():
        raise SignatureRefused("The model of version v2 is not to be trusted: it has no signature.")

    verdict = judging(400, 0, 300, [Version(lineage("v2"), refused, nothing)]).judge(Champion("", None, 1))
    assert set(verdict.scores) == {"base", "new"}
    assert verdict.unread["v2"] == "it cannot be loaded: SignatureRefused"


def test_a_live_version_is_loaded_once_though_it_is_among_the_others(judging, lineage):
    loads = []
    live = Version(lineage("v1"), lambda: loads.append("v1") or Knows(200), nothing)
    one = judging(400, base=0, new=300, others=[live])
    verdict = one.judge(Champion("v1", live, 1))
    assert loads == ["v1"]
    assert set(verdict.scores) == {"base", "champion", "new"}
    again = one.judge(Champion("", None, 1))
    assert loads == ["v1"], "what it finds is known when it is no longer live"
    assert set(again.scores) == {"base", "new", "v1"}


def test_a_label_that_the_live_versions_run_had_annotations_of_is_missed(judging, lineage):
    score = Score(precision=1, recall=1, f1=0.5, per_label={}, support={"a": 80, "b": 80}, texts=80)
    documents_of_two = lineage("v1", scores=dict.fromkeys(("base", "champion", "new"), score))
    one = judging(400, base=0, new=300)
    assert one.judge(Champion("v1", Version(documents_of_two, lambda: Knows(200), nothing), 1)).better, (
        "b is asked no longer"
    )
