"""How far annotators agree on the tasks that several of them have annotated.

The measure is strict F1: one annotator's spans count as found, the other's as right, and it is the same either way. For
spans it is preferred to kappa, since the number of stretches that are no span is not defined (Hripcsak, Rothschild:
Agreement, the F-Measure, and Reliability in Information Retrieval, 2005).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import msgspec

from training.dataset import Document
from training.judge.scores import annotated


class Agreed(msgspec.Struct, frozen=True):
    """How far pairs of annotations of the same texts agree."""

    tasks: int
    both: int
    """Spans that both of a pair have, each counted once a pair."""
    spans: int
    """Spans of both annotations of all pairs together."""
    f1: float | None
    """Strict F1 in [0, 1]; None where no pair has a span."""


class Agreement(msgspec.Struct, frozen=True):
    """The agreement over all tasks that several annotators have annotated."""

    whole: Agreed
    labels: dict[str, Agreed]
    """By label, those of most spans first. `tasks` are those in which a pair has the label."""
    annotators: dict[int, Agreed]
    """By the id of the annotator: with all others, on the tasks that they share."""


class _Pair(NamedTuple):
    """Two annotations of the same text by different annotators."""

    task: tuple[int, int]
    annotators: tuple[int, int]
    both: Counter[str]
    spans: Counter[str]
    """By label, of both annotations together."""


def agreement(documents: Iterable[Document], others: Iterable[Document]) -> Agreement:
    """The agreement of annotators. `others` are the annotations beside the one of each task that counts.

    Of several annotations of a task by the same annotator the first counts. Those whose annotator is not known do not.
    """
    pairs = list(_pairs([*documents, *others]))
    labels: defaultdict[str, list[_Pair]] = defaultdict(list)
    annotators: defaultdict[int, list[_Pair]] = defaultdict(list)
    for pair in pairs:
        for label in pair.spans:
            labels[label].append(pair)
        for annotator in pair.annotators:
            annotators[annotator].append(pair)
    of_labels = {label: _agreed(some, label) for label, some in labels.items()}
    return Agreement(
        _agreed(pairs),
        dict(sorted(of_labels.items(), key=lambda one: -one[1].spans)),
        {one: _agreed(annotators[one]) for one in sorted(annotators)},
    )


def _pairs(documents: Iterable[Document]) -> Iterator[_Pair]:
    by_text: defaultdict[tuple[int, int, str, tuple[str, ...]], dict[int, Document]] = defaultdict(dict)
    for one in documents:
        if one.annotator:
            by_text[one.project, one.task, one.text, one.labels].setdefault(one.annotator, one)
    for (project, task, _, _), of_annotators in by_text.items():
        for first, second in combinations(of_annotators.values(), 2):
            spans = annotated(first), annotated(second)
            both = set(spans[0]).intersection(spans[1])
            yield _Pair(
                (project, task),
                (first.annotator, second.annotator),
                Counter(label for _, _, label in both),
                Counter(label for _, _, label in [*spans[0], *spans[1]]),
            )


def _agreed(pairs: Sequence[_Pair], label: str | None = None) -> Agreed:
    """The agreement of pairs at one label, or at all."""
    both = sum(pair.both.total() if label is None else pair.both[label] for pair in pairs)
    spans = sum(pair.spans.total() if label is None else pair.spans[label] for pair in pairs)
    return Agreed(len({pair.task for pair in pairs}), both, spans, round(2 * both / spans, 4) if spans else None)
