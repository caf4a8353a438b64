"""How far annotators agree on the tasks that several of them have annotated.

The measure is strict F1: one annotator's spans count as found, the other's as right, and it is the same either way. For
spans it is preferred to kappa, since the number of stretches that are no span is not defined (Hripcsak, Rothschild:
Agreement, the F-Measure, and Reliability in Information Retrieval, 2005).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
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
    labels = sum((pair.spans for pair in pairs), Counter[str]())
    annotators = sorted({annotator for pair in pairs for annotator in pair.annotators})
    return Agreement(
        _agreed(pairs),
        {label: _agreed(pairs, label) for label, _ in labels.most_common()},
        {one: _agreed([pair for pair in pairs if one in pair.annotators]) for one in annotators},
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


def _agreed(pairs: Iterable[_Pair], label: str | None = None) -> Agreed:
    """The agreement of pairs at one label, or at all."""
    having = [pair for pair in pairs if label is None or pair.spans[label]]
    both = sum(pair.both.total() if label is None else pair.both[label] for pair in having)
    spans = sum(pair.spans.total() if label is None else pair.spans[label] for pair in having)
    return Agreed(len({pair.task for pair in having}), both, spans, round(2 * both / spans, 4) if spans else None)
