"""Seeded mistakes in annotated documents: what an annotator does wrong, at places that are known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from service.model.spans import Span
from training.dataset import Document

WORD = re.compile(r"\w+")


def corrupted(documents: Sequence[Document], share: float, seed: int) -> tuple[list[Document], set[int]]:
    """The documents with a share of their spans made wrong, and the places of the documents that have changed.

    A span gets another label, one boundary moves by a word, or it is deleted: a third each, by a seeded draw.
    """
    draw = Random(seed)
    places = [(place, number) for place, one in enumerate(documents) for number in range(len(one.spans))]
    drawn = draw.sample(places, round(share * len(places)))
    changed = list(documents)
    for turn, (place, number) in enumerate(sorted(drawn, reverse=True)):  # from behind: a deletion moves no other span
        changed[place] = MISTAKES[turn % len(MISTAKES)](changed[place], number, draw)
    return changed, {place for place, _ in drawn}


def _relabelled(document: Document, number: int, draw: Random) -> Document:
    span = document.spans[number]
    return _with(
        document, number, span._replace(label=draw.choice([one for one in document.labels if one != span.label]))
    )


def _moved(document: Document, number: int, draw: Random) -> Document:
    """One boundary moves outwards by a word, or inwards where that is the only way."""
    span = document.spans[number]
    taken = [place for place, one in enumerate(document.spans) if place != number]
    others = [document.spans[place] for place in taken]
    words = [match.span() for match in WORD.finditer(document.text)]
    starts = [span._replace(start=start) for start, _ in words if start < span.end and start != span.start]
    ends = [span._replace(end=end) for _, end in words if end > span.start and end != span.end]
    moved = [
        one for one in [*starts, *ends] if all(one.end <= other.start or other.end <= one.start for other in others)
    ]
    nearest = sorted(moved, key=lambda one: (abs(one.start - span.start) + abs(one.end - span.end), draw.random()))
    return _with(document, number, draw.choice(nearest[:2])) if nearest else _deleted(document, number, draw)


def _deleted(document: Document, number: int, draw: Random) -> Document:
    return _with(document, number)


def _with(document: Document, number: int, *spans: Span) -> Document:
    """The document with other spans in place of one."""
    return replace(document, spans=(*document.spans[:number], *spans, *document.spans[number + 1 :]))


MISTAKES = (_relabelled, _moved, _deleted)
