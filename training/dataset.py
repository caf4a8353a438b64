"""From annotated texts to what GLiNER learns from: words, spans of words, labels asked."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import takewhile
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from service.model.graphemes import clusters, is_blank
from service.model.spans import Span
from service.model.words import Words, split
from training.omissions import Omission, excerpt

if TYPE_CHECKING:  # what reads annotations needs no torch
    from service.model.model import Model

HELD_OUT_OF = 5
"""One text of five is held out."""

VALIDATION_OF = 8
"""One training text of eight serves early stopping."""

FEWEST_VALIDATION = 40
"""Early stopping on fewer texts stops by chance, and costs an eighth of what is learnt from: on 200 tasks 0.03 of F1
(benchmarks/learning.py). Then all are learnt from, to the schedule's end."""

MOST_VALIDATION = 500
"""More texts hardly tell more, and every evaluation reads all of them: those beyond are learnt from."""

NOT_READ = "is in a text whose words the model's tokenizer does not know"

LABEL_NOT_READ = "has a label whose words the model's tokenizer does not know: give the label predicted_values"

FEWEST_UNLEARNABLE = 3
"""A label of which fewer spans cannot be learnt is no reason to refuse a run."""


@dataclass(frozen=True, slots=True)
class Document:
    """One annotated text as one labelling control sees it.

    `labels` are the wordings the model is asked with, all of the control's, annotated or not; `spans` are what the
    annotator marked, in code points.
    """

    text: str
    labels: tuple[str, ...]
    spans: tuple[Span, ...]
    project: int = 0
    task: int = 0
    annotation: int = 0
    annotator: int = 0
    """The id of the user who annotated it; 0 if Label Studio does not tell."""


def characters(documents: Iterable[Document]) -> int:
    """The length of all texts."""
    return sum(len(document.text) for document in documents)


@dataclass(frozen=True, slots=True)
class Example:
    """A window of a document as GLiNER trains on it: `spans` are (first word, last word INCLUSIVE, label)."""

    words: list[str]
    labels: tuple[str, ...]
    spans: list[tuple[int, int, str]]
    tokens: int
    masked: tuple[tuple[int, int], ...] = ()
    """(First word, last word INCLUSIVE) of annotated spans that `spans` cannot hold.

    No candidate span that touches these words is learnt as a negative.
    """


class Unfit(NamedTuple):
    """An annotated span that is no span of words: the words that it touches (last INCLUSIVE), and why."""

    span: Span
    first: int
    last: int
    reason: str


@dataclass
class Dataset:
    """The examples of a run, and what of its annotations they do not hold."""

    examples: list[Example] = field(default_factory=list)
    omissions: list[Omission] = field(default_factory=list)
    marked: Counter[str] = field(default_factory=Counter)
    """Number of annotated spans of each label."""
    trimmed: int = 0
    """Number of spans that were learnt without the blanks at their edges."""

    @property
    def left_out(self) -> Counter[str]:
        """The number of annotated spans that are not learnt, by reason."""
        return Counter(omission.reason for omission in self.omissions)

    @property
    def unlearnable(self) -> dict[str, str]:
        """The labels of which most spans are not learnt, each with its most frequent reason."""
        reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for omission in self.omissions:
            reasons[omission.label][omission.reason] += 1
        return {
            label: f"{of_label.total()} of {self.marked[label]} spans ({of_label.most_common(1)[0][0]})"
            for label, of_label in sorted(reasons.items())
            if of_label.total() >= FEWEST_UNLEARNABLE and 2 * of_label.total() > self.marked[label]
        }


def is_held_out(text: str) -> bool:
    """Whether a text belongs to the held-out part: by its content alone, for ever, so that scores compare over time."""
    return _bucket(text, HELD_OUT_OF, "held-out") == 0


def is_for_validation(text: str) -> bool:
    """Whether a training text serves early stopping instead of learning."""
    return _bucket(text, VALIDATION_OF, "validation") == 0


def divide(documents: Sequence[Document]) -> tuple[list[Document], list[Document]]:
    """What is learnt from, and what serves early stopping: the latter empty where it would be too few to tell."""
    texts = [document.text for document in documents if is_for_validation(document.text)]
    if len(texts) < FEWEST_VALIDATION:
        return list(documents), []
    kept = set(sorted(set(texts), key=lambda text: _bucket(text, 2**64, "validation"))[:MOST_VALIDATION])
    training = [document for document in documents if document.text not in kept]
    return training, [document for document in documents if document.text in kept]


def build(documents: Iterable[Document], model: Model, seed: int = 0) -> Dataset:
    """Turn documents into examples, window by window, as the serving code would cut them."""
    dataset = Dataset()
    groups, prompt_tokens = cache(model.prompts.groups), cache(model.prompts.tokens)
    known: dict[str, str] = {}  # texts share their words: of each one copy is kept
    for document in documents:
        words = split(document.text, model.splitter, model.subtokens)
        dataset.marked.update(span.label for span in document.spans)
        if not model.reads(words):
            dataset.omissions += [_omission(document, span, NOT_READ) for span in document.spans]
            continue
        asked = [known.setdefault(word, word) for word in words.asked]
        unknown = model.prompts.unknown(document.labels)
        unasked = [span for span in document.spans if span.label in unknown]
        spans, unfit = align([span for span in document.spans if span.label not in unknown], words, model.max_width)
        unfit += [Unfit(span, *_touched(span, words), LABEL_NOT_READ) for span in unasked]
        dataset.omissions += [_omission(document, one.span, one.reason) for one in unfit]
        dataset.trimmed += _trimmed(document, words, spans)
        for labels in _label_sets(document, groups(document.labels), seed):
            of_labels = [span for span in spans if span[2] in labels]
            outside = [(one.first, one.last) for one in unfit if one.span.label in labels]
            for window in model.windows(words, prompt_tokens(labels)):
                cut = [span[:2] for span in of_labels if not _is_within(*span[:2], window)]
                dataset.examples.append(
                    Example(
                        words=asked[window.start : window.stop],
                        labels=labels,
                        spans=[
                            (first - window.start, last - window.start, label)
                            for first, last, label in of_labels
                            if _is_within(first, last, window)
                        ],
                        tokens=sum(words.tokens[window.start : window.stop]),
                        masked=_clipped([*outside, *cut], window),
                    )
                )
    return dataset


def align(spans: Sequence[Span], words: Words, max_width: int) -> tuple[list[tuple[int, int, str]], list[Unfit]]:
    """Spans of code points as spans of words, exactly but for blanks at their edges.

    Returns ([(first word, last word inclusive, label)], [what is no span of words]). Nothing is widened to make it fit.
    """
    aligned, unfit = [], []
    for span in spans:
        first, last = _touched(span, words)
        if span.end <= span.start or last < first:
            unfit.append(Unfit(span, first, last, "is empty"))
        elif words.starts[first] < span.start or words.ends[last] > span.end:
            unfit.append(Unfit(span, first, last, "begins or ends inside a word"))
        elif last - first + 1 > max_width:
            unfit.append(Unfit(span, first, last, f"is longer than the model's {max_width} words"))
        else:
            aligned.append((first, last, span.label))
    return aligned, unfit


def _touched(span: Span, words: Words) -> tuple[int, int]:
    """The first and the last word that a span touches, the last before the first where it touches none."""
    return bisect_right(words.ends, span.start), bisect_left(words.starts, span.end) - 1


def without_blanks(span: Span, text: str) -> Span:
    """A span without the blanks at its edges, which no model answers; an empty one as it is."""
    marked = clusters(text[span.start : span.end])
    before = sum(map(len, takewhile(is_blank, marked)))
    after = sum(map(len, takewhile(is_blank, reversed(marked))))
    return span if before == span.end - span.start else span._replace(start=span.start + before, end=span.end - after)


def _trimmed(document: Document, words: Words, spans: Iterable[tuple[int, int, str]]) -> int:
    """How many spans of words are shorter than what was annotated."""
    annotated = {(span.start, span.end) for span in document.spans}
    return sum((words.starts[first], words.ends[last]) not in annotated for first, last, _ in spans)


def _is_within(first: int, last: int, window: slice) -> bool:
    return bool(window.start <= first and last < window.stop)


def _clipped(spans: Iterable[tuple[int, int]], window: slice) -> tuple[tuple[int, int], ...]:
    """What a window holds of spans of words, counted from its first word."""
    touching = [
        (first, last) for first, last in spans if first < window.stop and last >= window.start and first <= last
    ]
    return tuple(
        (max(first, window.start) - window.start, min(last, window.stop - 1) - window.start) for first, last in touching
    )


def _omission(document: Document, span: Span, reason: str) -> Omission:
    shown = excerpt(document.text, span.start, span.end)
    return Omission(reason, document.project, document.task, span.label, span.start, span.end, shown)


def _label_sets(document: Document, groups: Sequence[tuple[str, ...]], seed: int) -> list[tuple[str, ...]]:
    """The label sets to learn a document with: its control's groups, exactly as serving asks them.

    Of many groups, only those with an annotated label and one of the others, drawn by the text, as negatives.
    """
    used = {span.label for span in document.spans}
    positive = [group for group in groups if used.intersection(group)]
    others = [group for group in groups if not used.intersection(group)]
    if others:
        positive.append(Random(f"{seed}:{document.text}").choice(others))
    return positive


def _bucket(text: str, of: int, salt: str) -> int:
    digest = hashlib.sha256(f"{salt}\n{text}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % of
