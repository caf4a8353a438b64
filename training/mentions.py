"""Mention replacement: copies of few training texts in which annotated spans stand for others of the same label.

Of few texts each is learnt from many times (of 200 each some 24 times), and a model learns its mentions by heart
instead of what stands around them. In the copies one half of the mentions are replaced by mentions that were annotated
elsewhere (Dai and Adel, An Analysis of Simple Data Augmentation for Named Entity Recognition, 2020, *mention
replacement*). In three trials that brought .016 F1 on average with 200 texts (docs/learning.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from service.model.spans import Span
from training.dataset import Document, without_blanks

SHARE = 0.5
"""The share of the mentions in a copy that are drawn anew."""

Mentions = Mapping[str, Sequence[str]]
"""The annotated mentions of each label, each as often as it is annotated."""


def copies(documents: Sequence[Document], times: int, seed: int) -> Iterator[Document]:
    """Copies of the documents with other mentions, so many of each.

    A span that shares characters with another one keeps its text. The same documents and seed give the same copies.
    """
    random, mentions = Random(seed), _mentions(documents)
    for _ in range(times):
        for document in documents:
            yield _copy(document, mentions, random)


def _mentions(documents: Iterable[Document]) -> Mentions:
    found = defaultdict(list)
    for document in documents:
        for span in _alone(document):
            found[span.label].append(document.text[span.start : span.end])
    return found


def _copy(document: Document, mentions: Mentions, random: Random) -> Document:
    drawn = {span: random.choice(mentions[span.label]) for span in _alone(document) if random.random() < SHARE}
    text, done, spans = "", 0, list[Span]()  # the copy's text stands for the document's up to `done`
    for span in _spans(document):
        start = span.start + len(text) - done
        if span in drawn:
            text += document.text[done : span.start] + drawn[span]
            done = span.end
        spans.append(span._replace(start=start, end=span.end + len(text) - done))
    return Document(text + document.text[done:], document.labels, tuple(spans))


def _alone(document: Document) -> Iterator[Span]:
    """The spans that hold more than blanks and share no character with another one, in the document's order."""
    spans = _spans(document)
    furthest = 0
    for span, following in zip(spans, [*(one.start for one in spans[1:]), len(document.text)], strict=False):
        if furthest <= span.start and span.end <= following and document.text[span.start : span.end].strip():
            yield span
        furthest = max(furthest, span.end)


def _spans(document: Document) -> list[Span]:
    """A document's spans without blanks at their edges, each once, sorted."""
    return sorted({without_blanks(span, document.text) for span in document.spans})
