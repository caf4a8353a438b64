"""What a report is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from service.versions.lineage import Lineage
from service.versions.verdict import BASE, CHAMPION, NEW
from training.judge.evidence import rival
from training.judge.sheet import Sheet
from training.judge.verdict import Verdict
from training.trace import Point


class Place(NamedTuple):
    """The project and the task of a document in Label Studio."""

    project: int
    task: int


class Sources(NamedTuple):
    """All that is known of a version when it is published."""

    lineage: Lineage
    verdict: Verdict
    sheet: Sheet
    places: Sequence[Place]
    """Of each document of the sheet, in the same order."""
    trace: Sequence[Point]
    """The course of the tuning; empty if it is not known."""
    label_studio: str
    """Label Studio's address."""

    @property
    def rival(self) -> str:
        """The model of the sheet that the new version is compared with span by span."""
        return rival(self.sheet)

    @property
    def is_base_live(self) -> bool:
        """Whether the base model was live when the new version was judged."""
        return self.verdict.versions[BASE] == self.lineage.champion

    def called(self, model: str) -> str:
        """A model of the sheet in words: versions that decide nothing have their own names."""
        base = "base model (live)" if self.is_base_live else "base model"
        return {NEW: "new version", CHAMPION: "live version", BASE: base}.get(model, model)
