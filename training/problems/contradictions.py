"""Equal texts that are annotated differently: at least one of the annotations is wrong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from training.dataset import Document
from training.judge.scores import annotated
from training.judge.sheet import Spans
from training.omissions import SPAN_CHARACTERS


class Version(msgspec.Struct, frozen=True):
    """How one task annotates the text."""

    project: int
    task: int
    annotator: int
    spans: Spans
    """The spans that not all the tasks have."""


class Contradiction(msgspec.Struct, frozen=True):
    """Tasks of the same text and the same labels whose annotations differ."""

    text: str
    """Its beginning."""
    versions: tuple[Version, ...]


def contradictions(documents: Iterable[Document]) -> list[Contradiction]:
    """The texts that are annotated differently in one task than in another, those of most tasks first.

    Only tasks that ask for the same labels are compared.
    """
    alike: defaultdict[tuple[str, tuple[str, ...]], list[Document]] = defaultdict(list)
    for document in documents:
        alike[document.text, document.labels].append(document)
    found = [_contradiction(text, of_text) for (text, _), of_text in alike.items() if _differ(of_text)]
    return sorted(found, key=lambda one: -len(one.versions))


def _differ(documents: list[Document]) -> bool:
    return len({annotated(document) for document in documents}) > 1


def _contradiction(text: str, documents: list[Document]) -> Contradiction:
    spans = [annotated(document) for document in documents]
    common = set(spans[0]).intersection(*spans)
    return Contradiction(
        text[:SPAN_CHARACTERS],
        tuple(
            Version(one.project, one.task, one.annotator, tuple(span for span in of_one if span not in common))
            for one, of_one in zip(documents, spans, strict=True)
        ),
    )
