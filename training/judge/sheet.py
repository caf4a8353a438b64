"""What a judgement is made from: the annotated spans of documents, and the spans that models find in them.

A sheet holds no text. A document is known by its mark (see `training.split.marks`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

Spans = tuple[tuple[int, int, str], ...]
"""Start, end and label of each span; start and end are code points of the text, the end exclusive."""


class Judged(msgspec.Struct, frozen=True):
    """A document that judges."""

    mark: str
    annotated: Spans
    earlier: bool = False
    """Whether the champion's run had this annotation already."""
    question: str = ""
    """The mark of the text with the labels and the threshold that models were asked with (see
    `training.split.question`); empty in sheets from before it was kept."""


class Sheet(msgspec.Struct, frozen=True):
    """The documents that judge, and what each model finds in them."""

    labels: tuple[str, ...]
    """All labels that were asked for, sorted."""
    documents: tuple[Judged, ...]
    answers: dict[str, tuple[Spans | None, ...]]
    """By model: the spans found in each document; None for a document that the model has learnt from."""

    def read_by(self, *models: str) -> list[int]:
        """The places of the documents that all these models have read without having learnt from them."""
        answers = [self.answers[model] for model in models]
        return [place for place in range(len(self.documents)) if all(found[place] is not None for found in answers)]

    def of(self, places: Sequence[int]) -> Sheet:
        """The sheet of some documents only."""
        return Sheet(
            self.labels,
            tuple(self.documents[place] for place in places),
            {model: tuple(found[place] for place in places) for model, found in self.answers.items()},
        )

    def only(self, labels: Collection[str]) -> Sheet:
        """The sheet with the spans of some labels only."""

        def kept(spans: Spans) -> Spans:
            return tuple(span for span in spans if span[2] in labels)

        return Sheet(
            self.labels,
            tuple(msgspec.structs.replace(one, annotated=kept(one.annotated)) for one in self.documents),
            {
                model: tuple(None if spans is None else kept(spans) for spans in found)
                for model, found in self.answers.items()
            },
        )

    def found(self, model: str) -> list[Spans]:
        """What a model finds in each document; nothing in those that it has learnt from."""
        return [spans or () for spans in self.answers[model]]

    @property
    def annotated(self) -> list[Spans]:
        """The annotated spans of each document."""
        return [document.annotated for document in self.documents]
