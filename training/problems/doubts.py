"""Annotated spans that a model doubts which has not learnt from their text.

This is confident learning (Northcutt, Jiang, Chuang: Confident Learning, 2021) adapted to spans. There an item counts
as mislabelled if a model that has not learnt from it gives another class more than the mean probability that the class
has where it is annotated, and items are ranked by the margin between the two classes. Here the classes of a stretch of
text are its labels and "no span", and a rival may also have other boundaries. A label that the model often misses is
thereby no reason to doubt each annotation that it misses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from statistics import fmean
from typing import NamedTuple

import msgspec

from service.model.spans import Span, best, touching
from training.dataset import Document, without_blanks
from training.omissions import SPAN_CHARACTERS

Place = tuple[int, int, str]
"""Start, end and label of a span."""
Unlearnable = tuple[int, int, int, int, str]
"""Project and task of an annotated span, and its start, end and label."""

LEAST = 0.1
"""Smaller doubts are not told."""


class Read(NamedTuple):
    """A document, and what a model that has not learnt from it finds there."""

    document: Document
    candidates: Sequence[Span]
    """Also those with a low score, and those that overlap a better one. Scores are probabilities."""


class Marked(msgspec.Struct, frozen=True):
    """A span with its words. `start` and `end` are code points of the text, `end` exclusive."""

    start: int
    end: int
    label: str
    words: str


class Doubt(msgspec.Struct, frozen=True):
    """What a model finds against an annotation. Where both spans are there, they share characters."""

    score: float
    """The margin by which the model prefers its answer to the annotation, in (LEAST, 1]: the difference of their
    probabilities. Of "no span" instead of an annotated one, how far this is below the label's mean probability."""
    annotated: Marked | None
    """None where a span seems to be missing."""
    found: Marked | None
    """None where the model finds no span."""


class DoubtfulTask(msgspec.Struct, frozen=True):
    """What is doubted in the annotation of one text."""

    project: int
    task: int
    annotation: int
    annotator: int
    score: float
    """The largest of the doubts."""
    doubts: tuple[Doubt, ...]
    """The largest first."""


Annotated = dict[Place, float]
"""The annotated spans of a text that are doubted at all, each with its probability."""


def doubtful(read: Sequence[Read], unlearnable: Collection[Unlearnable] = ()) -> list[DoubtfulTask]:
    """The texts with doubts, the most doubtful first.

    `unlearnable` are annotated spans that no model can find: they are not doubted.
    """
    annotated = [_annotated(one, unlearnable) for one in read]
    usual = _usual(annotated)
    tasks = []
    for one, spans in zip(read, annotated, strict=True):
        doubts = sorted(_doubts(one, spans, usual), key=lambda doubt: -doubt.score)
        if doubts:
            tasks.append(_task(one.document, tuple(doubts)))
    return sorted(tasks, key=lambda task: (-task.score, task.project, task.task))


def _annotated(read: Read, unlearnable: Collection[Unlearnable]) -> Annotated:
    document = read.document
    known = {span[:3]: span.score for span in read.candidates}
    learnable = (s for s in document.spans if (document.project, document.task, *s[:3]) not in unlearnable)
    places = [without_blanks(span, document.text)[:3] for span in learnable]
    return {place: known.get(place, 0.0) for place in places}


def _usual(annotated: Iterable[Annotated]) -> dict[str, float]:
    """The mean probability of the annotated spans, by label."""
    probabilities: defaultdict[str, list[float]] = defaultdict(list)
    for spans in annotated:
        for (_, _, label), probability in spans.items():
            probabilities[label].append(probability)
    return {label: fmean(of_label) for label, of_label in probabilities.items()}


def _doubts(read: Read, annotated: Annotated, usual: Mapping[str, float]) -> Iterator[Doubt]:
    """What speaks most against each annotated span, and the spans that seem to be missing."""
    text = read.document.text
    marked = [without_blanks(span, text) for span in read.document.spans]
    known = {span[:3] for span in marked}
    rivals = sorted(span for span in read.candidates if span[:3] not in known)
    strongest: dict[Place, Span] = {}
    for place, other in touching(annotated, rivals):
        strongest[place] = max(strongest.get(place, other), other, key=attrgetter("score"))
    for place, probability in annotated.items():
        rival = strongest.get(place)
        if rival and rival.score - probability > LEAST:
            yield Doubt(round(rival.score - probability, 4), _marked(text, place), _marked(text, rival))
        elif usual[place[2]] - probability > LEAST:
            yield Doubt(round(usual[place[2]] - probability, 4), _marked(text, place), None)
    near = {other for _, other in touching(marked, rivals)}
    for span in best((span for span in rivals if span not in near), "flat"):
        score = span.score - (1 - span.score)  # the probability of no span
        if score > LEAST:
            yield Doubt(round(score, 4), None, _marked(text, span))


def _marked(text: str, span: Span | Place) -> Marked:
    start, end, label = span[:3]
    return Marked(start, end, label, text[start : min(end, start + SPAN_CHARACTERS)])


def _task(document: Document, doubts: tuple[Doubt, ...]) -> DoubtfulTask:
    return DoubtfulTask(
        document.project, document.task, document.annotation, document.annotator, doubts[0].score, doubts
    )
