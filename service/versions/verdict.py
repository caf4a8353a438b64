"""A version's whole verdict, as it was written beside the lineage: how models scored on the texts that judged.

`training.judge.verdict` writes it, with the scores that are defined here. Of the rest only what is shown is read. A
field that older runs did not write has a value that says so.
"""

from __future__ import annotations

import msgspec

from service.versions.judgement import Decision

BASE, CHAMPION, NEW = "base", "champion", "new"
"""How a verdict calls the base model, the live version at that time, and its own version. Others have their names."""


class Agreement(msgspec.Struct, frozen=True):
    """How well found spans agree with annotated ones, each figure in [0, 1]."""

    precision: float
    recall: float
    f1: float


class Quality(msgspec.Struct, frozen=True):
    """What a model is worth on some spans."""

    support: int
    """Annotated spans."""
    found: int
    strict: Agreement
    """A span is right if its start, its end and its label are."""
    partial: Agreement
    """A span is right if it shares a character with one of its label on the other side."""


class Scores(msgspec.Struct, frozen=True):
    """What a model is worth on the texts that judged and that it had not learnt."""

    texts: int
    micro: Quality
    labels: dict[str, Quality] = {}


class Gain(msgspec.Struct, frozen=True):
    """The version's strict micro F1 minus the live version's, with the 95 % interval."""

    value: float
    low: float
    high: float


class Reason(msgspec.Struct, frozen=True):
    """Why the version does not serve, and what to do about it."""

    reason: str
    suggestion: str


class Flipped(msgspec.Struct, frozen=True):
    """Spans of one label on which the version and the live one differ, one of them being right."""

    fixed: int
    broken: int


class Verdict(msgspec.Struct, frozen=True):
    """What is shown of a verdict."""

    decision: Decision
    on: str
    """`held_out` or `out_of_fold`: texts held out, or all texts by models that had not learnt them."""
    texts: int
    spans: int
    """The texts that the version and the live one are compared on, and the annotated spans in them."""
    versions: dict[str, str]
    """The names of the versions of BASE and CHAMPION; without CHAMPION the base model was live, or the live version had
    learnt too many of the texts."""
    scores: dict[str, Scores]
    """By model: BASE, NEW, maybe CHAMPION, and other versions by their names."""
    gain: Gain
    causes: tuple[Reason, ...] = ()
    margins: dict[str, float] = {}
    """By model, half the length of the 95 % interval of its strict micro F1; empty in older verdicts."""
    flips: dict[str, Flipped] | None = None
    """By label; None in older verdicts."""

    def models(self, own: str) -> dict[str, str]:
        """By version the name of its model here; `own` is the version that was judged."""
        named = {self.versions[model]: model for model in (BASE, CHAMPION) if model in self.versions}
        others = {model: model for model in self.scores if model not in (BASE, CHAMPION, NEW)}
        known = {**others, **named, own: NEW}
        return {version: model for version, model in known.items() if model in self.scores}


def read(content: bytes) -> Verdict:
    """The verdict in a file. Raises ValueError for a content of another shape."""
    try:
        return msgspec.json.decode(content, type=Verdict)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(f"The verdict cannot be read: {error}.") from error
