"""From annotated texts to what GLiNER learns from: words, spans of words, labels asked."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import TYPE_CHECKING

from service.model.spans import Span
from service.model.words import Words, split

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


@dataclass(frozen=True, slots=True)
class Example:
    """A window of a document as GLiNER trains on it: `spans` are (first word, last word INCLUSIVE, label)."""

    words: list[str]
    labels: tuple[str, ...]
    spans: list[tuple[int, int, str]]
    tokens: int


@dataclass
class Dataset:
    """The examples of a run, and the marked spans that GLiNER cannot represent, by reason."""

    examples: list[Example] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


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
    groups, prompt_tokens = cache(model.groups), cache(model.prompt_tokens)
    known: dict[str, str] = {}  # texts share their words: of each one copy is kept
    for document in documents:
        words = split(document.text, model.splitter, model.subtokens)
        asked = [known.setdefault(word, word) for word in words.asked]
        spans, unfit = align(document.spans, words, model.max_width)
        dataset.left_out.update(unfit)
        for labels in _label_sets(document, groups(document.labels), seed):
            for window in model.windows(words, prompt_tokens(labels)):
                dataset.examples.append(
                    Example(
                        words=asked[window.start : window.stop],
                        labels=labels,
                        spans=[
                            (first - window.start, last - window.start, label)
                            for first, last, label in spans
                            if window.start <= first and last < window.stop and label in labels
                        ],
                        tokens=sum(words.tokens[window.start : window.stop]),
                    )
                )
    return dataset


def align(spans: Sequence[Span], words: Words, max_width: int) -> tuple[list[tuple[int, int, str]], list[str]]:
    """Spans of code points as spans of words, exactly; and for each one that has none, why.

    Returns ([(first word, last word inclusive, label)], [reason]). Nothing is moved to make it fit.
    """
    first_at = {start: index for index, start in enumerate(words.starts)}
    last_at = {end: index for index, end in enumerate(words.ends)}
    aligned, unfit = [], []
    for span in spans:
        first, last = first_at.get(span.start), last_at.get(span.end)
        if first is None or last is None:
            unfit.append("begins or ends inside a word or at a blank")
        elif last < first:
            unfit.append("is empty")
        elif last - first + 1 > max_width:
            unfit.append(f"is longer than the model's {max_width} words")
        else:
            aligned.append((first, last, span.label))
    return aligned, unfit


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
