"""The documents of a run by their purpose: to learn from, to stop by, to judge by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from math import ceil
from typing import NamedTuple

from service.versions.lineage import Lineage
from training.dataset import Document, divide, is_held_out

FEWEST_TEXTS = 400
"""Of fewer annotated texts none is held out: a fifth of them tells little, and is missed among what is learnt from. A
version that is truly .10 better is promoted in 55 % of the runs that 40 texts judge, in 62 % with 60 and in 98 % with
200 (docs/judging.md). The setting `cross_validated_texts` has this value."""

FEWEST_JUDGED = 30
"""Annotated spans that judge: the standard error of a recall of one half is .09 on 30 spans, and .16 on 10."""

MOST_TEXTS_IN_FOLDS = 1000
"""Of more annotated texts some are held out however few spans they have: six tunings take long on so many texts."""

FEWEST_SPANS = 10
"""Annotated spans that a run needs."""

FOLDS = 5
"""Parts of a cross-validation of few texts. Each costs a tuning, and the models learn from four fifths each."""

FOLDS_OF_MANY = 3
"""Parts of a cross-validation of MANY texts or more: a tuning on them takes longer, and two thirds of them teach nearly
what all teach."""

MANY = 100
"""Texts from which on there are FOLDS_OF_MANY folds."""


class TooFew(RuntimeError):
    """There are too few annotations to learn from or to judge by; the message says how many more a run needs."""


class Apart(NamedTuple):
    """Documents that a learning curve learns from, and others that score what is learnt."""

    learnt: list[Document]
    scoring: list[Document]
    tasks: int
    """The number of annotated tasks at which a run learns from as many documents."""


class Split(NamedTuple):
    """The documents of a run by their purpose."""

    training: list[Document]
    validation: list[Document]
    held_out: list[Document]
    folds: list[list[Document]]
    """Where the documents are few: the training documents in parts. Each is judged by a model that has learnt from the
    others. Otherwise there are none."""

    @property
    def judged(self) -> list[Document]:
        """The documents that judge."""
        return self.held_out + [document for fold in self.folds for document in fold]

    @property
    def apart(self) -> Apart:
        """What a learning curve learns from, and what scores it: what is held out or, where nothing is, the first fold.
        These are the first of `judged`."""
        if self.folds:
            first, *others = self.folds
            learnt = [document for fold in others for document in fold]
            return Apart(learnt, first, tasks(learnt))
        return Apart([*self.training, *self.validation], self.held_out, self.annotated)

    @property
    def annotated(self) -> int:
        """The number of annotated tasks."""
        return tasks((*self.training, *self.validation, *self.held_out))

    @property
    def told(self) -> str:
        """That no document is held out, or that few spans judge, as a sentence; else empty."""
        if not self.folds:
            return _few_judge(spans(self.held_out))
        return (
            f"The annotated texts are few, so none is held out: the version has learnt from all {len(self.training)}. "
            f"Each was judged by one of {len(self.folds)} models that had learnt from the others."
        )


def split(documents: Sequence[Document], wanted: int, notes: Sequence[str] = (), fewest: int = FEWEST_TEXTS) -> Split:
    """Hold out documents by a hash of their text, and divide the others into training and validation.

    Where fewer than `fewest` texts are annotated, or the held-out ones have fewer than FEWEST_JUDGED spans, none is
    held out: the documents are divided into folds by a hash of their text. Of more than MOST_TEXTS_IN_FOLDS texts some
    are held out even if these have few spans.

    `wanted` is the least number of annotated tasks. Raises TooFew, whose message ends with the notes.
    """
    _refuse_too_few(documents, wanted, notes)
    held_out = [document for document in documents if is_held_out(document.text)]
    texts = len(_texts(documents))
    if texts < fewest or (texts <= MOST_TEXTS_IN_FOLDS and spans(held_out) < FEWEST_JUDGED):
        return Split(list(documents), [], [], in_folds(documents))
    training, validation = divide([document for document in documents if not is_held_out(document.text)])
    return Split(training, validation, held_out, [])


def learnable(documents: Sequence[Document], fewest: int = FEWEST_TEXTS) -> Split:
    """The documents divided as a run divides those that it does not hold out: where they are few, into folds."""
    if len(_texts(documents)) < fewest:
        return Split(list(documents), [], [], in_folds(documents))
    return Split(*divide(documents), [], [])


def spans(documents: Iterable[Document]) -> int:
    """The number of annotated spans."""
    return sum(len(document.spans) for document in documents)


def tasks(documents: Iterable[Document]) -> int:
    """The number of annotated tasks."""
    return len({(document.project, document.task) for document in documents})


def marks(documents: Iterable[Document]) -> tuple[str, ...]:
    """The mark of each text, sorted (see `mark`)."""
    return tuple(sorted({mark(text) for text in _texts(documents)}))


def unseen(version: Lineage, documents: Sequence[Document]) -> list[Document]:
    """The documents that a version cannot have learnt from.

    A version that was cross-validated carries the marks of all texts that it has learnt from. Any other has learnt from
    no text that is held out by its hash. What else it has not learnt from is not known for certain: an annotation that
    is not in its lineage may be another one of the same text.
    """
    if not version.learnt:
        return [document for document in documents if is_held_out(document.text)]
    learnt = set(version.learnt)
    return [document for document in documents if mark(document.text) not in learnt]


def _few_judge(annotated: int) -> str:
    if annotated >= FEWEST_JUDGED:
        return ""
    return (
        f"Only {annotated} annotated spans are in the held-out texts, so the scores tell little: annotate more spans, "
        "then train again."
    )


def in_folds(documents: Sequence[Document]) -> list[list[Document]]:
    """The documents in FOLDS or FOLDS_OF_MANY parts with as many texts each. Documents of the same text are in the same
    part."""
    order = {mark: place for place, mark in enumerate(marks(documents))}
    folds = FOLDS if len(order) < MANY else FOLDS_OF_MANY
    ordered = sorted(documents, key=lambda d: (order[mark(d.text)], d.project, d.task, d.labels))
    return [[d for d in ordered if order[mark(d.text)] % folds == number] for number in range(folds)]


def _refuse_too_few(documents: Sequence[Document], wanted: int, notes: Sequence[str]) -> None:
    annotated = tasks(documents)
    texts, marked = len(_texts(documents)), spans(documents)
    if annotated >= wanted and texts >= FOLDS and marked >= FEWEST_SPANS:
        return
    by_spans = ceil((FEWEST_SPANS - marked) * annotated / marked) if marked else FEWEST_SPANS
    more = max(wanted - annotated, FOLDS - texts, by_spans)
    raise TooFew(
        f"{annotated} tasks are annotated, with {texts} different texts and {marked} spans of labels that the projects "
        f"have. A run needs at least {wanted} annotated tasks, {FOLDS} different texts and {FEWEST_SPANS} spans: "
        f"annotate about {more} more tasks, then press Start Training. Nothing was trained and the live version is "
        "untouched. " + " ".join(notes)
    )


def _texts(documents: Iterable[Document]) -> set[str]:
    return {document.text for document in documents}


def mark(text: str) -> str:
    """The mark of a text: 12 hex digits of its SHA-256."""
    return _digits(f"learnt\n{text}")


def question(document: Document, threshold: float | None) -> str:
    """The mark of what a model is asked to find in a document: 12 hex digits of a SHA-256."""
    return _digits(json.dumps(["question", threshold, sorted(document.labels), document.text]))


def _digits(content: str) -> str:
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()[:12]
