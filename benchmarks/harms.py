"""What annotators do wrong: documents whose annotations are spoilt in one way throughout."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from random import Random

from service.model.spans import Span
from training.dataset import Document

Harm = Callable[[Sequence[Document], Random], list[Document]]
"""Spoils the annotations of all documents it is given."""


def shuffled(documents: Sequence[Document], random: Random) -> list[Document]:
    """Each span has another label, a random one."""
    return [
        _with(one, [span._replace(label=random.choice(_others(one, span.label))) for span in one.spans])
        for one in documents
    ]


def swapped(documents: Sequence[Document], random: Random) -> list[Document]:
    """The two most frequent labels stand for each other."""
    first, second, *_ = _by_frequency(documents)
    other = {first: second, second: first}
    return [
        _with(one, [span._replace(label=other.get(span.label, span.label)) for span in one.spans]) for one in documents
    ]


def deleted(documents: Sequence[Document], random: Random) -> list[Document]:
    """The most frequent label is not annotated."""
    first, *_ = _by_frequency(documents)
    return [_with(one, [span for span in one.spans if span.label != first]) for one in documents]


def shifted(documents: Sequence[Document], random: Random) -> list[Document]:
    """Each span takes the word before it in, or loses its first word if there is none."""
    return [_with(one, [_wider(one.text, span) for span in one.spans]) for one in documents]


HARMS: Mapping[str, Harm] = {"shuffled": shuffled, "deleted": deleted, "swapped": swapped, "shifted": shifted}


def _others(document: Document, label: str) -> list[str]:
    return [other for other in document.labels if other != label]


def _by_frequency(documents: Sequence[Document]) -> list[str]:
    labels = [span.label for one in documents for span in one.spans]
    return sorted(set(labels), key=lambda label: (-labels.count(label), label))


def _wider(text: str, span: Span) -> Span:
    before = text[: span.start].rstrip()
    if before:
        return span._replace(start=before.rfind(" ") + 1)
    first, blank, _ = text[span.start : span.end].partition(" ")
    return span._replace(start=span.start + len(first) + 1) if blank else span


def _with(document: Document, spans: Sequence[Span]) -> Document:
    return replace(document, spans=tuple(spans))
