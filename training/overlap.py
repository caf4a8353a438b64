"""Whether a run lets its version answer spans within spans, and several labels on one, by what is annotated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, get_args

from service.model.reading import Overlap
from service.model.spans import TOLD, Span, best
from training.dataset import Document, without_blanks
from training.omissions import Omission, excerpt

WAYS: tuple[Overlap, ...] = get_args(Overlap)
"""From the plainest to the freest: each answers what the one before it answers, and more."""
FREEST = WAYS[-1]

SHARE = 0.03
"""A way is too plain if it loses this share of all annotated spans.

Losing 3 % of the spans lowers F1 by about 1.5 % of it. A way that is freer than the annotations costs about as much:
where no spans overlap, nested decoding changed the starter's F1 from .812 to .797 (BC5CDR), .290 to .286 (medical
MultiCoNER) and .347 to .349 (WNUT 17), and several labels to .797, .253 and .346 (`python -m benchmarks.overlap`, two
cores of an Intel Xeon, 2026-11-29).
"""

FEWEST_TEXTS = 3
"""What fewer texts hold counts as a slip of an annotator."""

REASONS: Mapping[Overlap, str] = {
    "flat": "lies within another span or around it: learnt, but one of the two is answered",
    "nested": "has another label as well: learnt, but one of the two is answered",
    "multi": "crosses another span: learnt, but one of the two is answered",
}
"""Why a span is not answered, by the freest way that loses it."""


class Choice(NamedTuple):
    """Which spans a version answers together."""

    overlap: Overlap
    why: str
    """One sentence with the counts."""
    unanswered: list[Omission]
    """The annotated spans that are lost: they are learnt, but each conflicts with another one."""


class Lost(NamedTuple):
    """An annotated span that some ways cannot answer beside the others of its document."""

    document: Document
    span: Span
    ways: list[Overlap]
    """The ways that lose it, the plainest first."""


def choose(documents: Iterable[Document]) -> Choice:
    """The plainest way of decoding that loses few of the annotated spans that a freer one answers.

    A document has the spans of one annotation, so what two annotators marked is never compared. Repetitions of a span
    count once.
    """
    total: Counter[str] = Counter()
    lost: list[Lost] = []
    for document in documents:
        spans = {without_blanks(span, document.text)._replace(score=1.0) for span in document.spans}
        total.update(span.label for span in spans)
        lost += _lost(document, spans)
    gained = {way: [one for one in lost if way in one.ways and FREEST not in one.ways] for way in WAYS}
    overlap = next(way for way in WAYS if not _is_too_plain(gained[way], total))
    unanswered = [_omission(one) for one in lost if overlap in one.ways]
    return Choice(overlap, _why(overlap, gained, len(unanswered), total.total()), unanswered)


def _lost(document: Document, spans: set[Span]) -> Iterator[Lost]:
    by_way = {way: spans.difference(best(spans, way)) for way in WAYS}
    for span in sorted(set().union(*by_way.values())):
        yield Lost(document, span, [way for way in WAYS if span in by_way[way]])


def _is_too_plain(gained: Sequence[Lost], total: Counter[str]) -> bool:
    """Whether a way loses too much of what a freer one answers: of all spans, or most spans of a label."""
    if _texts(gained) >= FEWEST_TEXTS and len(gained) >= SHARE * total.total():
        return True
    of_labels = {label: [one for one in gained if one.span.label == label] for label in total}
    return any(_texts(lost) >= FEWEST_TEXTS and 2 * len(lost) > total[label] for label, lost in of_labels.items())


def _texts(lost: Sequence[Lost]) -> int:
    return len({one.document.text for one in lost})


def _why(overlap: Overlap, gained: Mapping[Overlap, Sequence[Lost]], unanswered: int, total: int) -> str:
    if overlap == WAYS[0]:
        return f"{TOLD[overlap]}: that loses {unanswered} of {total} annotated spans."
    plainer = gained[WAYS[WAYS.index(overlap) - 1]]
    counts = f"{len(plainer)} of {total} annotated spans, in {_texts(plainer)} texts,"
    return f"{TOLD[overlap]}: otherwise {counts} would be lost."


def _omission(lost: Lost) -> Omission:
    document, span, ways = lost
    shown = excerpt(document.text, span.start, span.end)
    return Omission(REASONS[ways[-1]], document.project, document.task, span.label, span.start, span.end, shown)
